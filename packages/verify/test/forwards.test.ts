/** What an entry says of a forwarded request, held against authority at its place: each lie by itself. */
import { type Grant, nameKey } from '@countersign/authority';
import { ForwardAllowedBody, ForwardRefusedBody } from '@countersign/contract';
import { toInstant } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { judgeForward, judgeForwardRefused } from '../src/forwards.ts';
import { LedgerSoFar } from '../src/ledger-so-far.ts';
import {
  AGENT_KEY,
  addDeleting,
  detail,
  AGENT as HAND_AGENT,
  ledgerByHand,
  right as rightByHand,
} from './ledger-by-hand.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const HOUR = 3_600_000;
const id = (n: number): string => `01999f5e-7a40-7000-8000-${`${n}`.padStart(12, '0')}`;
const [AGENT, OTHER, CONNECTION, STAGING, PRODUCTION] = [id(1), id(2), id(3), id(4), id(5)];
const [READ, ONCE, TOKEN, DECISION] = [id(6), id(7), id(8), id(9)];
const VOLUME = 'volume/vol_1';

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = new LedgerSoFar();
  const { state } = ledger;
  state.catalogs.set('digest', {
    provider: 'railway',
    operations: [
      operation('volume', 'read'),
      operation('volumeUpdate', 'write'),
      { ...operation('login', 'read'), exchangeable: true },
    ],
  });
  for (const [each, name] of [
    [STAGING, 'staging'],
    [PRODUCTION, 'production'],
  ] as const) {
    const rule = {
      ...{ environment: null, name, class: name, quorum: 2, groups: [] },
      ...{ user_verified: 0, cool_off: 0, require_dpop: false },
    };
    state.environments.set(each, { id: each, name, rule });
    state.names.set(nameKey('environment', name), each);
  }
  for (const each of [AGENT, OTHER]) {
    state.agents.set(each, {
      ...{ id: each, name: each, auth: { method: 'private_key_jwt', jwks: { keys: [] } } },
      ...{ credentials: [], requireDpop: false, disabledAt: null },
    });
  }
  state.connections.set(CONNECTION, {
    ...{ id: CONNECTION, name: 'railway', setBy: CONNECTION, since: toInstant(NOW - HOUR) },
    ...{ former: [], removedAt: null },
    body: {
      ...{ connection: null, name: 'railway', provider: 'railway', endpoint: 'e', account: 'a' },
      ...{ config: {}, credential: 'c' },
      mapping: { [STAGING]: ['env-staging'], [PRODUCTION]: ['env-production'] },
    },
  });
  state.names.set(nameKey('connection', 'railway'), CONNECTION);
  addGrant(READ, ['railway:volume', 'railway:login'], 'read', null);
  addGrant(ONCE, ['railway:volumeUpdate'], 'write', 1);
  ledger.grants.forget();
  ledger.addToken(TOKEN, {
    ...{ agent: AGENT, expiresAt: NOW + HOUR, jkt: null, grants: [READ, ONCE] },
    details: [
      {
        ...{ type: 'countersign', connection: 'railway', environment: 'staging' },
        operations: ['railway:volume', 'railway:volumeUpdate', 'railway:login'],
        resources: [VOLUME, 'volume/vol_2'],
      },
    ],
  });
});

function operation(name: string, effect: 'read' | 'write') {
  return { name: `railway:${name}`, summary: name, effects: [{ effect }], exchangeable: false };
}

function addGrant(
  grant: string,
  operations: readonly string[],
  effect: 'read' | 'write',
  maxUses: number | null,
): void {
  const body: Grant['body'] = {
    ...{ agent: AGENT, connection: CONNECTION, environment: STAGING, ttl: 300, valid_for: 3600 },
    permissions: [
      {
        catalog: 'digest',
        operations: operations.map((name) => ({ name, effect })),
        resources: [VOLUME, 'volume/vol_2'],
      },
    ],
    ...{ max_uses: maxUses, pins: null, sender: null, sql: null, assessment: null },
    ...{ request: null, reason: 'a test' },
  };
  ledger.state.grants.set(grant, {
    ...{ id: grant, body, completedAt: NOW - HOUR, from: NOW - HOUR, until: NOW + HOUR },
    ...{ revokedAt: null, unpinnedAt: null },
  });
  // A statement stands behind it; who signed it matters for what can delete only.
  ledger.state.statements.set(grant, { signatures: [] } as never);
}

const entry = (n = 9) => ({
  ...{ index: n, id: id(n), time: toInstant(NOW), at: NOW, type: 'decision', body: null },
});
const right = (grant: string, name: string, effect: 'read' | 'write', resources = [VOLUME]) => ({
  ...{ grant, effect, operations: [`railway:${name}`], resources },
});
const honest = {
  ...{ agent: AGENT, token: TOKEN, jkt: null, connection: 'railway', environment: 'staging' },
  ...{ rights: [right(READ, 'volume', 'read')], grants: [READ], uses: [] },
  provider_ids: ['env-staging'],
} satisfies ForwardAllowedBody;
const once = {
  ...honest,
  ...{ rights: [right(ONCE, 'volumeUpdate', 'write')], grants: [ONCE], uses: [ONCE] },
} satisfies ForwardAllowedBody;

describe('a forwarded request', () => {
  test.each<[string, object]>([
    ['a read', honest],
    ['a read that touches no environment', { ...honest, provider_ids: [] }],
    ['one use of a limited grant', once],
    [
      'one use of a limited grant beside reads without a limit',
      {
        ...once,
        rights: [right(READ, 'volume', 'read'), right(ONCE, 'volumeUpdate', 'write')],
        grants: [READ, ONCE],
      },
    ],
  ])('%s is as it must be, and where it was is left to the provider', (_, body) => {
    expect(judgeForward(ledger, ForwardAllowedBody.parse(body), entry())).toBeNull();
    expect(ledger.unjudged).toEqual([{ what: 'environment, proven by railway', decisions: 1 }]);
  });

  test.each<[string, object, string]>([
    ['of an agent nobody registered', { agent: id(20) }, 'nobody had registered'],
    ['under a token of another agent', { agent: OTHER }, 'issued to another agent'],
    ['under no token', { token: id(21) }, 'no token'],
    [
      'under a token of another key',
      { jkt: Buffer.alloc(32).toString('base64url') },
      'another key',
    ],
    ['somewhere that was not there', { connection: 'elsewhere' }, 'no connection elsewhere'],
    ['in an environment its token is not for', { environment: 'production' }, 'did not hold'],
    ['proven to be elsewhere', { provider_ids: ['env-production'] }, 'was not mapped into staging'],
    ['proven in two', { provider_ids: ['env-staging', 'env-production'] }, 'was not mapped'],
    [
      'under a grant that does not hold it',
      { rights: [right(READ, 'volumeUpdate', 'write')] },
      'did not hold',
    ],
    [
      'taken for less than it is',
      { ...once, rights: [right(ONCE, 'volumeUpdate', 'read')] },
      'took',
    ],
    [
      'for a resource outside',
      { rights: [right(READ, 'volume', 'read', ['volume/x'])] },
      'did not hold',
    ],
    [
      'under grants that are not those of its rights',
      { grants: [READ, ONCE] },
      'not those of its rights',
    ],
    [
      'that takes no use of a limited grant',
      { ...once, uses: [] },
      'not one of each limited grant',
    ],
    [
      'for what credentials are minted for',
      { rights: [right(READ, 'login', 'read')] },
      'no request is ever',
    ],
    [
      'of two calls for one use',
      { ...once, rights: [right(ONCE, 'volumeUpdate', 'write', [VOLUME, 'volume/vol_2'])] },
      'was taken for 2 calls',
    ],
  ])('%s could not have been', (_, change, says) => {
    const body = ForwardAllowedBody.parse({ ...honest, ...change });
    expect(judgeForward(ledger, body, entry())).toContain(says);
  });

  test('is not sent for a key that its agent had before', () => {
    const former = Buffer.alloc(32, 1).toString('base64url');
    ledger.state.names.set(`agent-key/${former}`, AGENT);
    const token = { agent: AGENT, expiresAt: NOW + HOUR, jkt: former, grants: [READ] };
    const details = [
      {
        ...{ type: 'countersign' as const, connection: 'railway', environment: 'staging' },
        ...{ operations: ['railway:volume'], resources: [VOLUME] },
      },
    ];
    ledger.addToken(id(32), { ...token, details });
    expect(judgeForward(ledger, { ...honest, token: id(32), jkt: former }, entry())).toBe(
      'it was bound to a key that its agent had no more',
    );
  });

  test('that can delete is listed with the humans behind it', () => {
    const hand = ledgerByHand();
    addDeleting(hand, ONCE, { operations: [['drop', 'delete']] });
    hand.addToken(TOKEN, {
      ...{ agent: HAND_AGENT, expiresAt: NOW + HOUR, jkt: AGENT_KEY, grants: [ONCE] },
      details: [detail(['drop'])],
    });
    const body = {
      ...{ agent: HAND_AGENT, token: TOKEN, jkt: AGENT_KEY, connection: 'pg' },
      ...{ environment: 'staging', grants: [ONCE], uses: [ONCE], provider_ids: [] },
      rights: [rightByHand(ONCE, 'drop', 'delete')],
    };
    expect(judgeForward(hand, body, entry())).toBeNull();
    expect(hand.deleteCapable).toMatchObject([
      {
        stage: 'forward',
        lease: null,
        grants: [{ grant: ONCE, signed_by: [{ human: 'alice' }, { human: 'bob' }] }],
      },
    ]);
  });

  test('uses a single use once', () => {
    expect(judgeForward(ledger, ForwardAllowedBody.parse(once), entry())).toBeNull();
    expect(judgeForward(ledger, ForwardAllowedBody.parse(once), entry(10))).toContain('was used 2');
  });
});

describe('a use that comes back', () => {
  const refused = { agent: AGENT, decision: DECISION, uses_returned: [ONCE] };
  const judge = (change: object = {}) =>
    judgeForwardRefused(ledger, ForwardRefusedBody.parse({ ...refused, ...change }));
  beforeEach(() => {
    judgeForward(ledger, ForwardAllowedBody.parse(once), entry());
  });

  test('is there again, for one more request', () => {
    expect(judge()).toBeNull();
    expect(judgeForward(ledger, ForwardAllowedBody.parse(once), entry(10))).toBeNull();
  });

  test('comes back once', () => {
    judge();
    expect(judge()).toContain('no such request');
  });

  test.each<[string, object, string]>([
    ['of another decision', { decision: id(30) }, 'no such request'],
    ['of another agent', { agent: OTHER }, 'no such request'],
    ['of another grant', { uses_returned: [READ] }, 'other uses than were taken'],
  ])('is not one %s', (_, change, says) => {
    expect(judge(change)).toContain(says);
    expect(ledger.uses).toEqual(new Map([[ONCE, 1]]));
  });

  test('is not one of a request that took none', () => {
    expect(judgeForward(ledger, ForwardAllowedBody.parse(honest), entry(30))).toBeNull();
    expect(judge({ decision: id(30) })).toContain('no such request');
  });
});
