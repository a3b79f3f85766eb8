/** What entries say of tokens and of what they were exchanged for, held against grants: each lie by itself. */
import type { ExchangeAllowedBody, IssueAllowedBody } from '@countersign/contract';
import { toInstant } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import { exchangedProblem, judgeIssue } from '../src/tokens.ts';
import {
  AGENT,
  AGENT_KEY,
  addDeleting,
  addGrant,
  change,
  detail,
  digest,
  EARLIER,
  entryOf,
  freeze,
  HOUR,
  id,
  ledgerByHand,
  NOBODY,
  NOW,
  OTHER,
  operation,
  PG,
  right,
  STAGING,
  setRule,
} from './ledger-by-hand.ts';

const [READ, WRITE, DELETE, TOKEN] = [id(21), id(22), id(23), id(24)];

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
  addGrant(ledger, READ);
  addGrant(ledger, WRITE, { operations: [['update', 'write']] });
  addDeleting(ledger, DELETE);
});

const token = (change: Partial<IssueAllowedBody['token']> = {}) => ({
  ...{ jti: TOKEN, expires_at: toInstant(NOW + 60_000), jkt: null, ...change },
});
const reading: IssueAllowedBody = {
  ...{ agent: AGENT, authorization_details: [detail(['select'])], grants: [READ], token: token() },
};
const deleting: IssueAllowedBody = {
  ...{ agent: AGENT, authorization_details: [detail(['delete'])], grants: [DELETE] },
  token: token({ jkt: AGENT_KEY }),
};
const issue = (body: IssueAllowedBody, at = NOW) => judgeIssue(ledger, body, entryOf(30, at));

describe('a token', () => {
  test.each<[string, IssueAllowedBody]>([
    ['bound to nothing', reading],
    [
      'bound to a key though its grant names none',
      { ...reading, token: token({ jkt: AGENT_KEY }) },
    ],
    ['that can delete, bound to the key its grant names', deleting],
    [
      'of several grants',
      { ...reading, grants: [READ, WRITE], authorization_details: [detail(['select', 'update'])] },
    ],
  ])('%s is as it must be, and there to be used', (_, body) => {
    expect(issue(body)).toBeNull();
    expect(ledger.tokenAt(TOKEN, NOW)).toMatchObject({ agent: AGENT, jkt: body.token.jkt });
  });

  test.each<[string, IssueAllowedBody, string]>([
    ['for an agent nobody registered', { ...reading, agent: NOBODY }, 'nobody had registered'],
    ["under another agent's grant", { ...reading, agent: OTHER }, "is another agent's"],
    ['under a grant nobody signed', { ...reading, grants: [READ, NOBODY] }, 'signed by enough'],
    [
      'at no connection',
      { ...reading, authorization_details: [detail(['select'], ['public.orders'], 'gone')] },
      'no connection gone',
    ],
    [
      'of what no grant holds',
      { ...reading, authorization_details: [detail(['update'])] },
      'held postgres:update on public.orders',
    ],
    [
      'of one resource more than was granted',
      {
        ...reading,
        authorization_details: [detail(['select'], ['public.orders', 'public.people'])],
      },
      'held postgres:select on public.people',
    ],
    [
      'of one place more than was granted',
      {
        ...reading,
        authorization_details: [detail(['select']), detail(['select'], ['public.orders'], 'live')],
      },
      'no grant it names held',
    ],
    [
      'bound to another key than its grant names',
      { ...deleting, token: token({ jkt: digest('k') }) },
      'not bound to the key that grant',
    ],
    [
      'bound to no key where its grant names one',
      { ...deleting, token: token() },
      'not bound to the key that grant',
    ],
  ])('%s could not have been issued', (_, body, says) => {
    expect(issue(body)).toContain(says);
    expect(ledger.tokenAt(TOKEN, NOW)).toBeUndefined();
    expect(ledger.deleteCapable).toEqual([]);
  });

  test('is issued once', () => {
    issue(deleting);
    expect(issue(deleting)).toBe(`token ${TOKEN} was issued before`);
    expect(ledger.deleteCapable).toHaveLength(1);
  });

  test.each<[string, () => void]>([
    ['its environment', () => setRule(ledger, STAGING, { require_dpop: true })],
    ['its agent', () => change(ledger.state.agents, AGENT, { requireDpop: true })],
  ])('is bound to a key where %s demands it', (_, demand) => {
    demand();
    expect(issue(reading)).toBe('it was bound to no key where one was demanded');
    expect(issue({ ...reading, token: token({ jkt: AGENT_KEY }) })).toBeNull();
  });

  test('is not issued at what is frozen', () => {
    freeze(ledger, 'connection', PG);
    expect(issue(reading)).toBe('connection pg was frozen');
  });

  test('is listed with its humans if it can delete', () => {
    issue(deleting);
    const signers = ['alice', 'bob'].map((human) => ({ human, vouched_by_one: false }));
    expect(ledger.deleteCapable).toEqual([
      {
        ...{ index: 30, id: id(30), time: toInstant(NOW), stage: 'issue', lease: null },
        ...{ agent: 'cursor', connection: 'pg', environment: 'staging' },
        operations: ['postgres:delete'],
        grants: [{ grant: DELETE, signed_by: signers }],
      },
    ]);
  });

  test('is listed with each operation that can delete, once', () => {
    addDeleting(ledger, DELETE, {
      operations: [
        ['delete', 'delete'],
        ['copy', 'reveal'],
      ],
      resources: ['public.orders', 'public.people'],
    });
    issue({
      ...deleting,
      authorization_details: [detail(['delete', 'copy'], ['public.orders', 'public.people'])],
    });
    expect(ledger.deleteCapable[0]?.operations).toEqual(['postgres:delete', 'postgres:copy']);
  });

  test('is not listed if it cannot delete', () => {
    issue(reading);
    expect(ledger.deleteCapable).toEqual([]);
  });

  test.each([[[WRITE, DELETE]], [[DELETE, WRITE]]])(
    'counts as the mildest of its grants that hold what it is for, in any order',
    (grants) => {
      addDeleting(ledger, DELETE, { operations: [['update', 'delete']] });
      const body = { ...deleting, grants, authorization_details: [detail(['update'])] };
      expect(issue(body)).toBeNull();
      expect(ledger.deleteCapable).toEqual([]);
    },
  );

  test('leaves guardrails that stand unjudged, and says so', () => {
    for (const [each, name, removedAt] of [
      [id(31), 'nights', null],
      [id(32), 'gone', EARLIER],
    ] as const) {
      ledger.state.guardrails.set(each, {
        ...{ id: each, name, policy: '', reason: '', author: NOBODY, at: EARLIER },
        ...{ soleUntil: null, removedAt },
      });
    }
    issue(reading);
    expect(ledger.unjudged).toEqual([{ what: 'guardrail nights', decisions: 1 }]);
  });
});

describe('the life of a token', () => {
  const until = (ms: number, body: IssueAllowedBody = reading, at = NOW) =>
    issue({ ...body, token: { ...body.token, expires_at: toInstant(ms) } }, at);

  test('is 900 seconds at most, from the second it was made in', () => {
    expect(until(NOW + 900_001, reading, NOW + 1)).toBe('its token lived longer than 900 seconds');
    expect(until(NOW + 900_000, reading, NOW + 999)).toBeNull();
  });

  test('is 120 seconds at most if it can delete', () => {
    expect(until(NOW + 120_001, deleting)).toBe('its token lived longer than 120 seconds');
    expect(until(NOW + 120_000, deleting)).toBeNull();
  });

  test('is no longer than any of its grants', () => {
    addGrant(ledger, WRITE, { operations: [['update', 'write']], until: NOW + 10_000 });
    const both = { ...reading, grants: [READ, WRITE] };
    expect(until(NOW + 10_001, both)).toBe('its token outlived its grants');
    expect(until(NOW + 10_000, both)).toBeNull();
  });

  test('is one second where its grant has less left, since a token counts in seconds', () => {
    addGrant(ledger, READ, { until: NOW + 300 });
    expect(until(NOW + 1001, reading, NOW + 200)).toBe('its token outlived its grants');
    expect(until(NOW + 1000, reading, NOW + 200)).toBeNull();
  });
});

describe('what a token was exchanged for', () => {
  const issued = {
    ...{ agent: AGENT, expiresAt: NOW + HOUR, jkt: null, grants: [READ, WRITE] },
    details: [
      detail(['select']),
      detail(['update'], ['public.people']),
      detail(['copy'], ['public.log'], 'live'),
    ],
  };
  const used = {
    ...{ agent: AGENT, token: TOKEN, jkt: null, connection: 'pg', environment: 'staging' },
    ...{ rights: [right(READ, 'select', 'read')], grants: [READ] },
  } satisfies Omit<ExchangeAllowedBody, 'lease' | 'uses'>;

  test.each<[string, object]>([
    ['all of it', {}],
    ['a part of it', { rights: [right(READ, 'select', 'read', ['public.orders(id)'])] }],
    ['another detail of it', { rights: [right(WRITE, 'update', 'write', ['public.people'])] }],
  ])('is held by it: %s', (_, change) => {
    expect(exchangedProblem(issued, { ...used, ...change })).toBeNull();
  });

  test.each<[string, object, string]>([
    ["by another agent's", { agent: OTHER }, 'was issued to another agent'],
    ['with another key', { jkt: AGENT_KEY }, 'was bound to another key'],
    ['under a grant it did not name', { grants: [READ, DELETE] }, `did not name grant ${DELETE}`],
    [
      'at another connection',
      { connection: 'live' },
      'did not hold postgres:select on public.orders',
    ],
    ['in another environment', { environment: 'production' }, 'did not hold postgres:select'],
    [
      'as another operation',
      { rights: [right(READ, 'delete', 'delete')] },
      'did not hold postgres:delete',
    ],
    [
      'for what it held at another connection alone',
      { rights: [right(READ, 'copy', 'reveal', ['public.log'])] },
      'did not hold postgres:copy',
    ],
    [
      'for the operation of one detail on the resource of another',
      { rights: [right(READ, 'select', 'read', ['public.people'])] },
      'did not hold postgres:select on public.people',
    ],
    [
      'for one resource more',
      { rights: [right(READ, 'select', 'read', ['public.orders', 'public.log'])] },
      'on public.log',
    ],
    [
      'for one operation more',
      {
        rights: [
          { ...right(READ, 'select', 'read'), operations: ['postgres:select', 'postgres:call'] },
        ],
      },
      'did not hold postgres:call',
    ],
    [
      'for one right more',
      { rights: [right(READ, 'select', 'read'), right(READ, 'call', 'execute')] },
      'did not hold postgres:call',
    ],
  ])('is not held by it %s', (_, change, says) => {
    expect(exchangedProblem(issued, { ...used, ...change })).toContain(says);
  });

  test('is nothing without one', () => {
    expect(exchangedProblem(undefined, used)).toBe(`no token ${TOKEN} was there to be used`);
  });
});

test('a token begins no exchange a minute after its end, nor one among many that ended', () => {
  issue(reading);
  const end = NOW + 60_000;
  expect(ledger.tokenAt(TOKEN, end + 60_000)).toBeDefined();
  expect(ledger.tokenAt(TOKEN, end + 60_001)).toBeUndefined();
});

test('a token that ended behind one that did not is over all the same', () => {
  const [long, short] = [id(41), id(42)];
  const of = { agent: AGENT, jkt: null, grants: [READ], details: [] };
  ledger.addToken(long, { ...of, expiresAt: NOW + HOUR });
  ledger.addToken(short, { ...of, expiresAt: NOW - HOUR });
  expect(ledger.tokenAt(short, NOW)).toBeUndefined();
  expect(ledger.tokenAt(long, NOW)).toBeDefined();
});

test('what is granted by a catalog of worse effects is held as worse', () => {
  ledger.state.catalogs.set('more', {
    provider: 'postgres',
    operations: [operation('select', 'delete')],
  });
  ledger.grants.forget();
  expect(issue(reading)).toContain('did not hold');
});
