/** What a statement says its deletions take with them, held against the broker's own entry: each lie by itself. */
import { digestOfDocument } from '@countersign/authority';
import type { Role, StatementOf } from '@countersign/contract';
import { expect, test } from 'vitest';
import { deletionProblem, judgeDeletionAssessed } from '../src/deletions.ts';
import { LedgerSoFar } from '../src/ledger-so-far.ts';

const SINCE = '2026-11-20T12:00:00.000Z';
const id = (n: number): string => `01999f5e-7a40-7000-8000-${`${n}`.padStart(12, '0')}`;
const [HUMAN, AGENT, OTHER, CONNECTION, STAGING, ENTRY] = [
  id(1),
  id(2),
  id(3),
  id(4),
  id(5),
  id(6),
];
const FOUND = { kind: 'deletion', v: 1, body: { deletions: [], omitted: 0, assessed: ENTRY } };

function ledgerOf(role: Role): LedgerSoFar {
  const ledger = new LedgerSoFar();
  ledger.state.humans.set(HUMAN, {
    ...{ id: HUMAN, name: 'alice', roles: [role], groups: [], since: {} },
    ...{ recovery: null, vouchedByOne: false, enrolledAt: SINCE, removedAt: null },
  });
  for (const each of [AGENT, OTHER]) {
    ledger.state.agents.set(each, {
      ...{ id: each, name: each, auth: { method: 'private_key_jwt', jwks: { keys: [] } } },
      ...{ credentials: [], requireDpop: false, disabledAt: null },
    });
  }
  return ledger;
}

function assess(ledger: LedgerSoFar, agent = AGENT): string | null {
  const body = {
    ...{ human: HUMAN, agent, connection: CONNECTION, environment: STAGING },
    assessment: digestOfDocument(FOUND),
  };
  const at = Date.parse(SINCE);
  return judgeDeletionAssessed(ledger, body, {
    ...{ id: ENTRY, index: 1, type: 'deletion.assessed', time: SINCE, at, body },
  });
}

function grant(
  change: Partial<StatementOf<'grant.create'>['body']> = {},
): StatementOf<'grant.create'> {
  const body = {
    ...{ agent: AGENT, connection: CONNECTION, environment: STAGING, permissions: [] },
    ...{ ttl: 60, valid_for: 3600, max_uses: 1, pins: null, sender: null, sql: null },
    ...{ assessment: FOUND, request: null, reason: 'a test', ...change },
  };
  const around = { v: 1 as const, kind: 'grant.create' as const, id: id(9), broker: 'b' };
  return { ...around, issued_at: SINCE, sign_by: SINCE, body };
}

test('what the broker found for this very grant is as it must be', () => {
  const ledger = ledgerOf('admin');
  expect(assess(ledger)).toBeNull();
  expect(deletionProblem(ledger, grant())).toBeNull();
});

test('a grant that says nothing of it is as it was before anything was looked up', () => {
  expect(deletionProblem(ledgerOf('admin'), grant({ assessment: null }))).toBeNull();
});

test.each([
  ['a milder one', grant({ assessment: { ...FOUND, body: { ...FOUND.body, omitted: 1 } } })],
  ['one of another entry', grant({ assessment: { ...FOUND, body: { assessed: id(7) } } })],
  ['one of another agent', grant({ agent: OTHER })],
  ['one of another environment', grant({ environment: id(8) })],
])('%s is told', (_, statement) => {
  const ledger = ledgerOf('admin');
  assess(ledger);
  expect(deletionProblem(ledger, statement)).toMatch(/not what the broker found/);
});

test('whoever may propose has it looked up', () => {
  expect(assess(ledgerOf('approver'))).toBeNull();
});

test('what is said beside SQL is for its dry run to say', () => {
  const omitted = { ...FOUND, body: { ...FOUND.body, omitted: 1 } };
  expect(
    deletionProblem(ledgerOf('admin'), grant({ sql: 'select 1', assessment: omitted })),
  ).toBeNull();
});

test('nobody but who may propose has had it looked up', () => {
  expect(assess(ledgerOf('auditor'))).not.toBeNull();
});
