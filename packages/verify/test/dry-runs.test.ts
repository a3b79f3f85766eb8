/** SQL that was tried for a draft, by whom and on what, and what its own entry says was found: each lie by itself. */
import type { DryRunAllowedBody, DryRunFinishedBody } from '@countersign/contract';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import { digestOfScript, judgeDryRun, judgeDryRunFinished } from '../src/runs.ts';
import {
  AGENT,
  ALICE,
  BOB,
  change,
  digest,
  EARLIER,
  entryOf,
  freeze,
  id,
  LIVE,
  ledgerByHand,
  NOBODY,
  PG,
  PRODUCTION,
  STAGING,
} from './ledger-by-hand.ts';

const SQL = 'alter table public.old rename to gone';
const DRY_RUN = id(28);

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
});

describe('SQL that was tried', () => {
  const asked = {
    ...{ human: ALICE, connection: PG, environment: STAGING, resource: 'public' },
    sql: digestOfScript(SQL),
  };
  const begin = (says: Partial<DryRunAllowedBody> = {}) =>
    judgeDryRun(ledger, { ...asked, agent: AGENT, ...says }, entryOf(28));
  const end = (says: Partial<DryRunFinishedBody> = {}, n = 29) =>
    judgeDryRunFinished(ledger, { ...asked, dry_run: DRY_RUN, ...says }, entryOf(n));

  test('for an agent is as it must be, and nothing of it is left open', () => {
    expect(begin()).toBeNull();
    expect(ledger.unjudged).toEqual([]);
  });

  test('for no agent is as it must be, and whose it was to be is left open', () => {
    const { agent: _, ...forNobody } = { ...asked, agent: AGENT };
    expect(judgeDryRun(ledger, forNobody, entryOf(28))).toBeNull();
    expect(ledger.unjudged).toEqual([{ what: 'agent of a dry run', decisions: 1 }]);
  });

  test.each<[string, () => void, Partial<DryRunAllowedBody>, string]>([
    ['on no connection', () => undefined, { connection: NOBODY }, 'was not there'],
    ['in no environment', () => undefined, { environment: NOBODY }, 'was not there'],
    [
      'on a connection removed before',
      () => change(ledger.state.connections, PG, { removedAt: EARLIER }),
      {},
      'was not there',
    ],
    [
      'on what was not mapped',
      () => undefined,
      { connection: LIVE, environment: id(17) },
      'was not there',
    ],
    [
      'on a frozen connection',
      () => freeze(ledger, 'connection', PG),
      {},
      'connection pg was frozen',
    ],
    ['by an approver', () => undefined, { human: BOB }, 'bob was not admin'],
    ['for an agent nobody registered', () => undefined, { agent: NOBODY }, 'nobody had registered'],
    ['for a frozen agent', () => freeze(ledger, 'agent', AGENT), {}, 'agent cursor was frozen'],
  ])('%s could not have been', (_, before, says, reason) => {
    before();
    expect(begin(says)).toContain(reason);
    expect(ledger.dryRuns.size).toBe(0);
  });

  test('found what its own entry says, once', () => {
    begin();
    expect(end({ assessment: digest('found') })).toBeNull();
    expect(ledger.assessments.get(id(29))).toMatchObject({ found: digest('found') });
    expect(end({ assessment: digest('another') }, 30)).toContain('no such dry run');
    expect(ledger.assessments.has(id(30))).toBe(false);
  });

  test('that found nothing vouches for nothing', () => {
    begin();
    expect(end()).toBeNull();
    expect(ledger.assessments.size).toBe(0);
  });

  test.each<[string, Partial<DryRunFinishedBody>]>([
    ['another decision', { dry_run: NOBODY }],
    ['another human', { human: BOB }],
    ['another connection', { connection: LIVE }],
    ['another environment', { environment: PRODUCTION }],
    ['another resource', { resource: 'private' }],
    ['another SQL', { sql: digest('x') }],
  ])('is not finished of %s', (_, says) => {
    begin();
    expect(end({ assessment: digest('found'), ...says })).toContain(
      'no such dry run was under way',
    );
    expect(ledger.assessments.size).toBe(0);
  });
});
