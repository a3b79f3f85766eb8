/** What entries say of scripts that were run, held against what stood there: each lie by itself. */
import type { RunAllowedBody, RunFinishedBody } from '@countersign/contract';
import { toInstant } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import { digestOfScript, judgeCommitting, judgeFinished, judgeRun } from '../src/runs.ts';
import {
  AGENT,
  AGENT_KEY,
  ALICE,
  addGrant,
  BOB,
  CAROL,
  change,
  DAVE,
  detail,
  digest,
  EARLIER,
  entryOf,
  FORMER_KEY,
  freeze,
  HOUR,
  id,
  ledgerByHand,
  MINUTE,
  NOBODY,
  NOW,
  OTHER,
  PG,
  PRODUCTION,
  right,
  STAGING,
  sign,
} from './ledger-by-hand.ts';

const SQL = 'alter table public.old rename to gone';
const [SIGNED, OPEN, OPEN_TOO, TOKEN] = [id(21), id(22), id(23), id(24)];
const [RUN, DECISION] = [id(25), id(27)];

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
  const signedBy = [[ALICE, 'alice']] as const;
  const script = { operations: [['alter', 'write']], resources: ['public'] } as const;
  addGrant(ledger, SIGNED, { ...script, sql: SQL, max_uses: 1, signedBy });
  addGrant(ledger, OPEN, { ...script, signedBy });
  addGrant(ledger, OPEN_TOO, { ...script, signedBy });
  addToken({});
});

function addToken(token: { agent?: string; jkt?: string | null; grants?: string[] }, jti = TOKEN) {
  ledger.addToken(jti, {
    ...{ agent: AGENT, expiresAt: NOW + HOUR, jkt: AGENT_KEY, grants: [SIGNED, OPEN, OPEN_TOO] },
    ...{ details: [detail(['alter'], ['public'])], ...token },
  });
}

const running = {
  ...{ agent: AGENT, jkt: AGENT_KEY, connection: 'pg', environment: 'staging', resource: 'public' },
  lease: { id: RUN, connection: PG, expires_at: toInstant(NOW + MINUTE) },
};
const signed = {
  ...running,
  ...{ rights: [right(SIGNED, 'alter', 'write', ['public'])], grants: [SIGNED], uses: [SIGNED] },
  sql: digestOfScript(SQL),
} satisfies RunAllowedBody;
const own = {
  ...{ ...running, rights: [right(OPEN, 'alter', 'write', ['public'])], grants: [OPEN], uses: [] },
  sql: digest('select 1'),
} satisfies RunAllowedBody;
const both = {
  rights: [OPEN, OPEN_TOO].map((grant) => right(grant, 'alter', 'write', ['public'])),
  grants: [OPEN, OPEN_TOO],
};

const run = (body: RunAllowedBody, n = 27) => judgeRun(ledger, body, entryOf(n));

describe('a script that was run', () => {
  test.each<[string, RunAllowedBody]>([
    ["by its agent, and was the agent's own", { ...own, token: TOKEN }],
    ['by its agent, and was signed', { ...signed, token: TOKEN }],
    ['by a human who had signed it', { ...signed, human: ALICE }],
  ])('%s is as it must be', (_, body) => {
    expect(run(body)).toBeNull();
    expect(ledger.leases.get(RUN)).toMatchObject({
      isRun: true,
      committing: false,
      revoked: false,
    });
  });

  test.each([
    [BOB, 'bob'],
    [CAROL, 'carol'],
  ] as const)('may be asked for by whoever signed it: %s', (human, name) => {
    sign(ledger, SIGNED, [[human, name]]);
    expect(run({ ...signed, human })).toBeNull();
  });

  test('is told from another by the digest of its UTF-8', () => {
    expect(digestOfScript('select 1')).toBe(digest('select 1'));
    expect(digestOfScript('select 1')).not.toBe(digestOfScript('select 2'));
  });

  test('is not run for a key that its agent had before', () => {
    addToken({ jkt: FORMER_KEY }, NOBODY);
    expect(run({ ...own, jkt: FORMER_KEY, token: NOBODY })).toBe(
      'it was bound to a key that its agent had no more',
    );
  });

  test.each<[string, RunAllowedBody, string]>([
    ['under no token', { ...own, token: NOBODY }, 'no token'],
    [
      'of an agent nobody registered',
      { ...own, agent: NOBODY, token: TOKEN },
      'nobody had registered',
    ],
    ["under another agent's token", { ...own, agent: OTHER, token: TOKEN }, 'for something else'],
    ['under a token of another key', { ...own, jkt: digest('k'), token: TOKEN }, 'something else'],
    ['that nobody asked for', own, 'nobody asked for it'],
    [
      'of another SQL than was signed',
      { ...signed, token: TOKEN, sql: digest('x') },
      'another script',
    ],
    [
      'by a human of no role',
      { ...signed, human: DAVE },
      'dave was not admin or approver or auditor',
    ],
    ['by a human who had not signed it', { ...signed, human: BOB }, 'who had not signed it'],
    ["by a human, though it was the agent's own", { ...own, human: ALICE }, 'only its agent may'],
    [
      'under a grant that nobody signed',
      { ...own, token: TOKEN, grants: [NOBODY] },
      'something else',
    ],
    [
      'somewhere that was not there',
      { ...own, token: TOKEN, connection: 'gone' },
      'no connection gone',
    ],
    [
      'in an environment that was not there',
      { ...own, token: TOKEN, environment: 'x' },
      'no environment x',
    ],
    [
      'with a right on another resource',
      { ...own, token: TOKEN, rights: [right(OPEN, 'alter', 'write', ['public', 'private'])] },
      'on another resource than it ran on',
    ],
    [
      'with one of two rights on another resource',
      {
        ...{ ...own, ...both, token: TOKEN },
        rights: [
          right(OPEN, 'alter', 'write', ['public']),
          right(OPEN_TOO, 'alter', 'write', ['private']),
        ],
      },
      'on another resource than it ran on',
    ],
  ])('%s could not have been', (_, body, says) => {
    expect(run(body)).toContain(says);
    expect(ledger.leases.size).toBe(0);
  });

  test('needs each of its grants named by its token', () => {
    addToken({ grants: [OPEN] }, id(29));
    expect(run({ ...own, ...both, token: id(29) })).toContain('for something else');
    expect(run({ ...own, ...both, token: TOKEN })).toBeNull();
  });

  test('needs each of its grants to be there, whatever its token names', () => {
    addToken({ grants: [NOBODY] }, id(29));
    expect(run({ ...own, token: id(29), grants: [NOBODY] })).toContain('had been signed by enough');
  });

  test('needs each of its grants signed by the human who ran it', () => {
    addGrant(ledger, OPEN_TOO, { sql: SQL, signedBy: [[BOB, 'bob']] });
    addGrant(ledger, OPEN, { sql: SQL, signedBy: [[ALICE, 'alice']] });
    expect(run({ ...own, ...both, human: ALICE })).toContain('had not signed it');
  });

  test.each<[string, () => void]>([
    ['that was revoked', () => change(ledger.state.keys, digest('alice'), { revokedAt: EARLIER })],
    ['that nobody has', () => ledger.state.keys.delete(digest('alice'))],
  ])('was not signed for with a key %s', (_, undo) => {
    undo();
    expect(run({ ...signed, human: ALICE })).toContain('who had not signed it');
  });

  test('in production was signed, each word of it', () => {
    const there = {
      environment: PRODUCTION,
      operations: [['alter', 'write']],
      resources: ['public'],
    } as const;
    addGrant(ledger, OPEN, there);
    addGrant(ledger, SIGNED, { ...there, sql: SQL, max_uses: 1 });
    const environment = 'production';
    expect(run({ ...own, token: TOKEN, environment })).toContain(
      'production that nobody had signed',
    );
    expect(run({ ...signed, token: TOKEN, environment })).toBeNull();
  });
});

describe('a script that was about to be committed', () => {
  const committing = { agent: AGENT, decision: DECISION, run: RUN };
  const commit = (says: object = {}, n = 25) =>
    judgeCommitting(ledger, { ...committing, ...says }, entryOf(n));
  beforeEach(() => {
    expect(run({ ...signed, token: TOKEN })).toBeNull();
  });

  test('is as it must be, once', () => {
    expect(commit()).toBeNull();
    expect(ledger.leases.get(RUN)?.committing).toBe(true);
    expect(commit()).toContain('had ended or begun to commit');
  });

  test('has its login, which is taken back only after', () => {
    change(ledger.leases, RUN, { revoked: true });
    expect(commit()).toContain('had ended or begun to commit');
  });

  test.each<[string, object, number, string]>([
    ['of no decision', { run: NOBODY }, 999, 'no decision allowed lease'],
    ["of another's decision", { decision: NOBODY }, 25, "another decision's"],
    ['of another agent', { agent: OTHER }, 25, "another decision's"],
    ['by an entry of another id than the run', {}, 30, 'is of no run'],
  ])('is not one %s', (_, says, n, reason) => {
    expect(commit(says, n)).toContain(reason);
  });

  test('is no lease that an agent was given', () => {
    change(ledger.leases, RUN, { isRun: false });
    expect(commit()).toContain('is of no run');
  });

  test.each<[string, () => void, string]>([
    [
      'its agent disabled',
      () => change(ledger.state.agents, AGENT, { disabledAt: EARLIER }),
      'cursor was disabled',
    ],
    ['its agent frozen', () => freeze(ledger, 'agent', AGENT), 'agent cursor was frozen'],
    ['its environment frozen', () => freeze(ledger, 'environment', STAGING), 'staging was frozen'],
    ['its connection frozen', () => freeze(ledger, 'connection', PG), 'connection pg was frozen'],
    ['its connection unknown', () => ledger.state.connections.delete(PG), 'is not there'],
    ['its environment unknown', () => ledger.state.environments.delete(STAGING), 'is not there'],
    [
      'its grant revoked',
      () => change(ledger.state.grants, SIGNED, { revokedAt: EARLIER }),
      'was revoked before',
    ],
    ['its grant gone', () => ledger.state.grants.delete(SIGNED), 'was revoked before'],
  ])('is nothing with %s since', (_, since, says) => {
    since();
    expect(commit()).toContain(says);
    expect(ledger.leases.get(RUN)?.committing).toBe(false);
  });

  test('needs no time that its grant has left, since it began in time', () => {
    change(ledger.state.grants, SIGNED, { until: NOW - 1 });
    ledger.grants.forget();
    expect(commit()).toBeNull();
  });
});

describe('the outcome of a script', () => {
  const finished = { agent: AGENT, decision: DECISION, run: RUN };
  const finish = (says: Partial<RunFinishedBody> = {}, n = 31) =>
    judgeFinished(ledger, { ...finished, outcome: 'rolled_back', ...says }, entryOf(n));
  beforeEach(() => {
    expect(run({ ...signed, token: TOKEN })).toBeNull();
  });

  test.each(['rolled_back', 'unknown'] as const)('is said once, and ends it: %s', (outcome) => {
    expect(finish({ outcome })).toBeNull();
    expect(ledger.leases.size).toBe(0);
    expect(ledger.remarks).toEqual([]);
    expect(finish({ outcome })).toBeNull();
    expect(ledger.remarks).toEqual([
      { index: 31, id: id(31), text: expect.stringContaining('had ended before') },
    ]);
  });

  test('is committed only after it was said that it would be', () => {
    expect(finish({ outcome: 'committed' })).toContain('without saying so before');
    change(ledger.leases, RUN, { committing: true });
    expect(finish({ outcome: 'committed' })).toBeNull();
  });

  test('gives back the use of what was undone, for one more run', () => {
    expect(finish({ uses_returned: [SIGNED] })).toBeNull();
    expect(run({ ...signed, token: TOKEN }, 32)).toBeNull();
  });

  test('keeps the use of what was undone, if it does not give it back', () => {
    expect(finish()).toBeNull();
    expect(run({ ...signed, token: TOKEN }, 32)).toContain('was used 2 times');
  });

  test.each<[string, Partial<RunFinishedBody>, string]>([
    [
      'that may have happened',
      { outcome: 'unknown', uses_returned: [SIGNED] },
      'may have happened',
    ],
    ['of another grant', { uses_returned: [OPEN] }, 'other uses than were taken'],
    ["of another's decision", { decision: NOBODY, uses_returned: [SIGNED] }, "another decision's"],
    ['of a run that never was', { run: NOBODY, uses_returned: [SIGNED] }, 'no decision allowed'],
    [
      'by a row that was edited',
      { decision: NOBODY, edited: true, uses_returned: [SIGNED] },
      "another decision's",
    ],
  ])('gives back no use %s', (_, says, reason) => {
    expect(finish(says)).toContain(reason);
    expect(ledger.uses.get(SIGNED)).toBe(1);
    expect(ledger.remarks).toEqual([]);
  });

  test("is not said of another's decision", () => {
    expect(finish({ agent: OTHER })).toContain("another decision's");
  });

  test('is not said of a lease that an agent was given', () => {
    change(ledger.leases, RUN, { isRun: false });
    expect(finish()).toContain('is of no run');
  });

  test('is noticed where a hand edited its row', () => {
    expect(finish({ agent: OTHER, edited: true })).toBeNull();
    expect(ledger.remarks).toEqual([
      { index: 31, id: id(31), text: expect.stringContaining('edited by hand') },
    ]);
    expect(ledger.leases.size).toBe(0);
  });
});
