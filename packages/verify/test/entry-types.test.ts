/** The closed list of entry types, each with a body that is right, and with each member of it wrong. */
import { toInstant } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { judgeEntry } from '../src/entry-types.ts';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import {
  AGENT,
  AGENT_KEY,
  ALICE,
  addGrant,
  BOB,
  CAROL,
  change,
  detail,
  digest,
  EARLIER,
  entryOf,
  freeze,
  HOUR,
  id,
  LIVE,
  ledgerByHand,
  NOBODY,
  NOW,
  PG,
  right,
  STAGING,
} from './ledger-by-hand.ts';

const [GRANT, TOKEN, REQUEST] = [id(21), id(22), id(23)];

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
  addGrant(ledger, GRANT);
  addToken();
  ledger.requests.set(REQUEST, { agent: AGENT, sender: null });
  change(ledger.state.connections, LIVE, { removedAt: EARLIER });
});

function addToken(): void {
  const details = [detail(['select'])];
  ledger.addToken(TOKEN, {
    agent: AGENT,
    expiresAt: NOW + HOUR,
    jkt: null,
    grants: [GRANT],
    details,
  });
}

const judge = async (type: string, body: unknown) =>
  await judgeEntry(ledger, { ...entryOf(30), type, body });

const using = {
  ...{ agent: AGENT, jkt: null, connection: 'pg', environment: 'staging', token: TOKEN, uses: [] },
  ...{ rights: [right(GRANT, 'select', 'read')], grants: [GRANT] },
};
const lease = { id: id(24), connection: PG, expires_at: toInstant(NOW + 60_000) };
const tried = {
  human: ALICE,
  connection: PG,
  environment: STAGING,
  resource: 'public',
  sql: digest('x'),
};
const issued = {
  ...{ verdict: 'allowed', stage: 'issue', agent: AGENT, grants: [GRANT] },
  authorization_details: [detail(['select'])],
  token: { jti: id(25), expires_at: toInstant(NOW + 60_000), jkt: null },
};

/** Bodies that are right by themselves, and what of them a reader depends on. */
const TRUE: readonly (readonly [type: string, body: object, members: readonly string[]])[] = [
  ['decision', { verdict: 'denied', stage: 'issue', code: 'not_granted' }, ['stage', 'code']],
  ['decision', issued, ['agent', 'grants', 'authorization_details', 'token']],
  [
    'decision',
    { verdict: 'allowed', stage: 'exchange', ...using, lease },
    ['agent', 'jkt', 'connection', 'environment', 'token', 'uses', 'rights', 'grants', 'lease'],
  ],
  [
    'decision',
    { verdict: 'allowed', stage: 'dry-run', ...tried },
    ['human', 'connection', 'environment', 'resource', 'sql'],
  ],
  ['denials.summed', { first: id(26), code: 'frozen', count: 2 }, ['first', 'code', 'count']],
  ['unauthenticated.summed', { counts: { invalid_token: 1 } }, ['counts']],
  [
    'session.opened',
    { human: ALICE, kid: digest('alice'), session: { expires_at: toInstant(NOW + HOUR) } },
    ['human', 'kid', 'session'],
  ],
  ['human.invited', { human: ALICE }, ['human']],
  [
    'access_request.filed',
    { request: id(27), agent: AGENT, sender: AGENT_KEY },
    ['request', 'agent', 'sender'],
  ],
  [
    'access_request.rejected',
    { request: REQUEST, agent: AGENT, human: BOB },
    ['request', 'agent', 'human'],
  ],
  [
    'deletion.assessed',
    { human: ALICE, agent: AGENT, connection: PG, environment: STAGING, assessment: digest('x') },
    ['human', 'agent', 'connection', 'environment', 'assessment'],
  ],
  ['credential.destroyed', { connection: null, credential: id(28) }, ['connection', 'credential']],
  ['connection.removed', { connection: LIVE, credential: id(28) }, ['connection', 'credential']],
  ['keys.rotated', { key: 'token', from: 'a', to: 'b' }, ['key', 'to']],
  [
    'lease.revoked',
    { agent: AGENT, decision: id(29), lease: id(24) },
    ['agent', 'decision', 'lease'],
  ],
  [
    'run.finished',
    { agent: AGENT, decision: id(29), run: id(24), outcome: 'unknown' },
    ['agent', 'decision', 'run', 'outcome'],
  ],
];

describe('an entry', () => {
  test.each(TRUE)('of type %s is as it must be', async (type, body) => {
    expect(await judge(type, body)).toBeNull();
  });

  test.each(TRUE)('may gain members: %s', async (type, body) => {
    expect(await judge(type, { ...body, more: true })).toBeNull();
  });

  test.each(
    TRUE.flatMap(([type, body, members]) => members.map((member) => [type, member, body] as const)),
  )('of type %s is none without %s', async (type, member, body) => {
    const { [member]: _, ...rest } = { ...body } as Record<string, unknown>;
    expect(await judge(type, rest)).not.toBeNull();
    expect(await judge(type, { ...rest, [member]: -1 })).not.toBeNull();
  });

  test.each([null, 'text', 17, []])('of any type is none with a body that is %j', async (body) => {
    for (const [type] of TRUE) expect(await judge(type, body)).not.toBeNull();
  });

  test('names its type and what of its body is wrong', async () => {
    expect(await judge('human.invited', { human: 'alice' })).toMatch(
      /^its body is none of human\.invited; .*human/,
    );
  });

  test.each(['session.extended', '', 'toString', 'Decision'])(
    'of a type that nobody knows is none: %j',
    async (type) => {
      expect(await judge(type, {})).toBe(`its type ${type} is none that this version knows`);
    },
  );

  test.each([
    {},
    { verdict: 'allowed' },
    { verdict: 'allowed', stage: 'mint' },
    { ...issued, verdict: 'granted' },
    { ...issued, verdict: undefined },
    { ...issued, stage: 'toString' },
  ])('of a verdict or stage that nobody knows is none: %j', async (body) => {
    expect(await judge('decision', body)).toBe(
      'its verdict and stage are none that this version knows',
    );
    expect(ledger.decisions).toEqual({ allowed: 0, denied: 0 });
  });
});

describe('decisions are counted', () => {
  test('if they were allowed and could have been', async () => {
    await judge('decision', issued);
    expect(ledger.decisions).toEqual({ allowed: 1, denied: 0 });
  });

  test('if they were denied', async () => {
    await judge('decision', { verdict: 'denied', stage: 'ask', code: 'frozen' });
    expect(ledger.decisions).toEqual({ allowed: 0, denied: 1 });
  });

  test('and not if they could not have been', async () => {
    freeze(ledger, 'agent', AGENT);
    expect(await judge('decision', issued)).toBe(
      'it was allowed and could not have been; agent cursor was frozen',
    );
    expect(ledger.decisions).toEqual({ allowed: 0, denied: 0 });
  });
});

describe('what an entry does not say of others', () => {
  test.each([
    [ALICE, null],
    [BOB, null],
    [CAROL, 'carol was not admin or approver'],
    [NOBODY, `nobody had enrolled human ${NOBODY}`],
  ])('%s invites somebody: %s', async (human, says) => {
    expect(await judge('human.invited', { human })).toBe(says);
  });

  test.each([PG, NOBODY])(
    'that a connection is gone which nobody removed: %s',
    async (connection) => {
      expect(await judge('connection.removed', { connection, credential: id(28) })).toBe(
        'nobody had removed that connection',
      );
    },
  );
});

describe('keys that were rotated', () => {
  test.each<[object, boolean]>([
    [{ key: 'token', at_once: true }, false],
    [{ key: 'token', at_once: false }, true],
    [{ key: 'token' }, true],
    [{ key: 'kek', at_once: true }, true],
    [{ key: 'kek' }, true],
  ])('end tokens only if those leaked: %j', async (body, stands) => {
    expect(await judge('keys.rotated', { ...body, to: 'b' })).toBeNull();
    expect(ledger.tokenAt(TOKEN, NOW) !== undefined).toBe(stands);
  });
});

describe('what a statement answers and nobody said', () => {
  beforeEach(() => {
    ledger.unanswered = [{ index: 7, id: id(7), why: 'it answers no access request of its agent' }];
  });

  test('is the fault of that statement once any other entry follows', async () => {
    await expect(judge('human.invited', { human: ALICE })).rejects.toMatchObject({
      finding: {
        index: 7,
        id: id(7),
        reason: 'Entry 7: it answers no access request of its agent.',
      },
    });
  });

  test.each([
    ['statement.effective', 'statement: Invalid input: expected string, received undefined'],
    ['catalog.part', 'digest: Invalid input: expected string, received undefined'],
    ['restored', 'line: Invalid input: expected object, received undefined'],
  ])('is not yet behind one that may have been replayed too: %s', async (type, says) => {
    expect(await judge(type, {})).toBe(`it carries no authority; ${says}`);
  });
});
