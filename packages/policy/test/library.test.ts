/** The ready guardrails of docs/guardrails: each accepted, each with what it forbids and what it lets pass. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { GuardedRight } from '../src/guardrail-request.ts';
import { engine } from './support/engine.ts';
import { authority, CATALOG, READ } from './support/facts.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/guardrails', import.meta.url));
const [FREEZE, HOURS, BACKUPS, TICKET] = [
  'code-freeze',
  'no-deletes-outside-hours',
  'no-backups',
  'ticket-required',
];
const WEDNESDAY = '2026-11-18T12:00:00.000Z';

function text(name: string): string {
  return readFileSync(join(FOLDER, `${name}.cedar`), 'utf8');
}

/** What an example says; the rest is a read of public.orders in production, on a Wednesday at noon. */
interface Example {
  readonly at?: string;
  readonly effect?: GuardedRight['right']['effect'];
  readonly class?: string;
  readonly whole?: string;
  readonly resource?: string;
  readonly reason?: string;
}

function rightOf(example: Example): GuardedRight {
  const grant = authority([READ]).grants.get('grant-0');
  if (grant === undefined) throw new Error('there is one');
  const resource = example.resource ?? 'public.orders';
  return {
    agent: { name: 'ci', auth: { method: 'client_secret', secret_hash: '' } },
    connection: { name: 'pg', provider: 'db' },
    environment: { name: 'live', class: example.class ?? 'production' },
    right: { operation: 'db:run', resource, grant: grant.id, effect: example.effect ?? 'read' },
    whole: example.whole ?? resource,
    providerIds: ['localhost:5432/rental'],
    grant: { ...grant, body: { ...grant.body, reason: example.reason ?? 'because' } },
    uses: 0,
    senderBound: true,
    rights: 1,
    at: Date.parse(example.at ?? WEDNESDAY),
  };
}

function judged(name: string, example: Example) {
  return engine.judge([{ id: 'an-id', name, policy: text(name) }], [rightOf(example)]);
}

test('each has its examples below', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.cedar'));
  const known = [FREEZE, HOURS, BACKUPS, TICKET];
  expect(files.map((file) => basename(file, '.cedar')).sort()).toEqual([...known].sort());
});

test.each([FREEZE, HOURS, BACKUPS, TICKET])(
  '%s is a guardrail, and says how to adapt it',
  (name) => {
    expect(engine.check(text(name), [CATALOG])).toEqual([]);
    expect(text(name)).toContain('// To adapt:');
  },
);

describe('forbids', () => {
  test.each<[string, string, string, Example]>([
    [
      FREEZE,
      'a write while it lasts',
      'code-freeze',
      { effect: 'write', at: '2026-12-24T12:00:00.000Z' },
    ],
    [
      FREEZE,
      'a write as it begins',
      'code-freeze',
      { effect: 'write', at: '2026-12-18T18:00:00.000Z' },
    ],
    [
      FREEZE,
      'SQL while it lasts',
      'code-freeze',
      { effect: 'execute', at: '2027-01-04T07:59:59.999Z' },
    ],
    [HOURS, 'a delete at night', 'at-night', { effect: 'delete', at: '2026-11-18T03:00:00.000Z' }],
    [
      HOURS,
      'a delete at 18 h sharp',
      'at-night',
      { effect: 'delete', at: '2026-11-18T18:00:00.000Z' },
    ],
    [HOURS, 'SQL before 8 h', 'at-night', { effect: 'execute', at: '2026-11-18T07:59:59.999Z' }],
    [
      HOURS,
      'a delete on a Saturday',
      'at-weekends',
      { effect: 'delete', at: '2026-11-21T12:00:00.000Z' },
    ],
    [
      HOURS,
      'an escalation on a Sunday',
      'at-weekends',
      { effect: 'escalate', at: '2026-11-22T12:00:00.000Z' },
    ],
    [BACKUPS, 'reading a table of backups', 'by-name', { resource: 'public.orders_backup' }],
    [
      BACKUPS,
      'columns of one',
      'by-name',
      { resource: 'public.orders_backup(id)', whole: 'public.orders_backup' },
    ],
    [BACKUPS, 'a schema of backups', 'by-name', { resource: 'backups.orders', effect: 'delete' }],
    [BACKUPS, 'a table in the archive', 'by-schema', { resource: 'archive.orders' }],
    [BACKUPS, 'SQL on the archive', 'by-schema', { resource: 'archive', effect: 'execute' }],
    [
      BACKUPS,
      'a snapshot outside production',
      'by-name',
      { resource: 'volume/snapshot-1', class: 'staging' },
    ],
    [TICKET, 'a delete without a ticket', 'ticket', { effect: 'delete' }],
    [
      TICKET,
      'one with a ticket of another project',
      'ticket',
      { effect: 'delete', reason: 'DEV-1 clean up' },
    ],
    [TICKET, 'SQL without a ticket', 'ticket', { effect: 'execute', reason: 'as agreed' }],
  ])('%s: %s', (name, _, policy, example) => {
    expect(judged(name, example)).toMatchObject({
      by: { guardrail: { name }, policy, error: null },
    });
  });
});

describe('lets pass', () => {
  test.each<[string, string, Example]>([
    [FREEZE, 'reading while it lasts', { at: '2026-12-24T12:00:00.000Z' }],
    [FREEZE, 'a write before', { effect: 'write', at: '2026-12-18T17:59:59.999Z' }],
    [FREEZE, 'a write after', { effect: 'write', at: '2027-01-04T08:00:00.000Z' }],
    [
      FREEZE,
      'a write elsewhere',
      { effect: 'write', class: 'staging', at: '2026-12-24T12:00:00.000Z' },
    ],
    [HOURS, 'a delete at noon', { effect: 'delete' }],
    [HOURS, 'a delete at 8 h sharp', { effect: 'delete', at: '2026-11-20T08:00:00.000Z' }],
    [HOURS, 'a write at night', { effect: 'write', at: '2026-11-18T03:00:00.000Z' }],
    [
      HOURS,
      'a delete at night elsewhere',
      { effect: 'delete', class: 'staging', at: '2026-11-18T03:00:00.000Z' },
    ],
    [BACKUPS, 'any other table', { resource: 'public.orders', effect: 'delete' }],
    [
      BACKUPS,
      'a column that is called so',
      { resource: 'public.jobs(backup)', whole: 'public.jobs' },
    ],
    [TICKET, 'a delete with a ticket', { effect: 'delete', reason: 'clean up after OPS-123' }],
    [TICKET, 'a delete elsewhere', { effect: 'delete', class: 'staging' }],
    [TICKET, 'a write', { effect: 'write' }],
  ])('%s: %s', (name, _, example) => {
    expect(judged(name, example)).toBeNull();
  });
});
