/** What entries say of leases and how they ended, held against grants and tokens: each lie by itself. */
import type { ExchangeAllowedBody, LeaseFailedBody, LeaseRevokedBody } from '@countersign/contract';
import { toInstant } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { judgeExchange, judgeFailed, judgeRevoked } from '../src/leases.ts';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import {
  AGENT,
  AGENT_KEY,
  addDeleting,
  addGrant,
  change,
  detail,
  EARLIER,
  entryOf,
  FORMER_KEY,
  freeze,
  HOUR,
  id,
  LIVE,
  ledgerByHand,
  NOBODY,
  NOW,
  OTHER,
  PG,
  right,
  STAGING,
  setRule,
} from './ledger-by-hand.ts';

const [READ, WRITE, DELETE, ONCE] = [id(21), id(22), id(23), id(24)];
const [TOKEN, BOUND, LEASE, DECISION] = [id(25), id(26), id(27), id(30)];

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
  addGrant(ledger, READ);
  addGrant(ledger, WRITE, {
    operations: [
      ['update', 'write'],
      ['alter', 'write'],
    ],
    ttl: 60,
  });
  addGrant(ledger, ONCE, { operations: [['update', 'write']], max_uses: 2 });
  addDeleting(ledger, DELETE, {
    operations: [
      ['delete', 'delete'],
      ['copy', 'reveal'],
    ],
  });
  addToken(TOKEN, null);
  addToken(BOUND, AGENT_KEY);
});

function addToken(jti: string, jkt: string | null): void {
  const operations = ['select', 'update', 'alter', 'delete', 'copy'];
  ledger.addToken(jti, {
    ...{ agent: AGENT, expiresAt: NOW + HOUR, jkt, grants: [READ, WRITE, ONCE, DELETE, NOBODY] },
    details: [detail(operations), detail(operations, ['public.orders'], 'gone')],
  });
}

const lease = (seconds = 60, change: object = {}) => ({
  ...{ id: LEASE, connection: PG, expires_at: toInstant(NOW + seconds * 1000), ...change },
});
const reading = {
  ...{ agent: AGENT, token: TOKEN, jkt: null, connection: 'pg', environment: 'staging' },
  ...{ rights: [right(READ, 'select', 'read')], grants: [READ], uses: [], lease: lease() },
} satisfies ExchangeAllowedBody;
const once = {
  ...{ ...reading, rights: [right(ONCE, 'update', 'write')], grants: [ONCE], uses: [ONCE] },
} satisfies ExchangeAllowedBody;
const deleting = {
  ...{ ...reading, token: BOUND, jkt: AGENT_KEY, grants: [DELETE], uses: [DELETE] },
  rights: [right(DELETE, 'delete', 'delete')],
} satisfies ExchangeAllowedBody;
const both = {
  rights: [right(READ, 'select', 'read'), right(WRITE, 'update', 'write')],
  grants: [READ, WRITE],
};

const exchange = (body: ExchangeAllowedBody, n = 30) => judgeExchange(ledger, body, entryOf(n));

describe('a lease', () => {
  test.each<[string, ExchangeAllowedBody]>([
    ['under a grant without limit', reading],
    ['under a limited one', once],
    ['that can delete', deleting],
    ['under two grants', { ...reading, ...both }],
    ['under two grants, named the other way round', { ...reading, ...both, grants: [WRITE, READ] }],
  ])('%s is as it must be, and open', (_, body) => {
    expect(exchange(body)).toBeNull();
    expect(ledger.leasesMade).toBe(1);
    expect(ledger.leases.get(LEASE)).toEqual({
      ...{ agent: AGENT, decision: DECISION, expiresAt: NOW + 60_000 },
      ...{ connection: PG, environment: STAGING, grants: body.grants, uses: body.uses },
      ...{ isRun: false, committing: false, revoked: false },
    });
  });

  test.each<[string, ExchangeAllowedBody, string]>([
    ['of an agent nobody registered', { ...reading, agent: NOBODY }, 'nobody had registered'],
    ["of another agent's token", { ...reading, agent: OTHER }, 'issued to another agent'],
    ['of no token', { ...reading, token: NOBODY }, 'no token'],
    [
      'at a connection that was not there',
      { ...reading, connection: 'gone' },
      'no connection gone',
    ],
    [
      'on another connection than it was decided for',
      { ...reading, lease: lease(60, { connection: LIVE }) },
      'was on another connection',
    ],
    ['under a grant nobody signed', { ...reading, grants: [NOBODY] }, 'signed by enough'],
    [
      'under one grant more than its rights',
      { ...reading, grants: [READ, WRITE] },
      'not those of its rights',
    ],
    ['under the same grant twice', { ...reading, grants: [READ, READ] }, 'not those of its rights'],
    [
      'under one grant less than its rights',
      { ...reading, ...both, grants: [READ] },
      'not those of its rights',
    ],
    ['of a use that it does not count', { ...once, uses: [] }, 'not one of each limited grant'],
    ['of a use twice', { ...once, uses: [ONCE, ONCE] }, 'not one of each limited grant'],
    [
      'of a use of an unlimited grant',
      { ...reading, uses: [READ] },
      'not one of each limited grant',
    ],
    [
      'longer than its grant allows',
      { ...reading, lease: lease(301) },
      'longer than its grants allow',
    ],
    [
      'longer than one of its grants allows',
      { ...reading, ...both, lease: lease(61) },
      'longer than its grants allow',
    ],
    [
      'for what no credential is minted for',
      { ...reading, rights: [right(WRITE, 'alter', 'write')], grants: [WRITE] },
      'no credential is ever minted for postgres:alter',
    ],
    [
      'taken for less than it is',
      { ...deleting, rights: [right(DELETE, 'delete', 'write')] },
      'for write, and it was delete',
    ],
    [
      'of a right its grant does not hold',
      { ...reading, rights: [right(READ, 'update', 'write')] },
      'did not hold postgres:update',
    ],
  ])('%s could not have been', (_, body, says) => {
    expect(exchange(body)).toContain(says);
    expect(ledger.leases.size).toBe(0);
    expect(ledger.leasesMade).toBe(0);
  });

  test('may end with its grants, and not after any of them', () => {
    addGrant(ledger, WRITE, { operations: [['update', 'write']], until: NOW + 30_000 });
    expect(exchange({ ...reading, ...both, lease: lease(31) })).toBe(
      'its lease outlived its grants',
    );
    expect(exchange({ ...reading, ...both, lease: lease(30) })).toBeNull();
  });

  test('is not bound to a key that its agent had before', () => {
    addToken(id(28), FORMER_KEY);
    const body = { ...reading, token: id(28), jkt: FORMER_KEY };
    expect(exchange(body)).toBe('it was bound to a key that its agent had no more');
  });

  test('is bound to a key where one is demanded', () => {
    setRule(ledger, STAGING, { require_dpop: true });
    expect(exchange(reading)).toBe('it was bound to no key where one was demanded');
  });

  test('is not at what is frozen', () => {
    freeze(ledger, 'environment', STAGING);
    expect(exchange(reading)).toBe('environment staging was frozen');
  });

  test('is opened once', () => {
    exchange(reading);
    expect(exchange(reading, 31)).toBe(`lease ${LEASE} was open already`);
    expect(ledger.leasesMade).toBe(1);
  });

  test('uses a grant as often as it says, and no more', () => {
    const again = (n: number) => exchange({ ...once, lease: lease(60, { id: id(n) }) });
    expect([again(41), again(42), again(43)]).toEqual([
      null,
      null,
      `grant ${ONCE} was used 3 times, and 2 is its limit`,
    ]);
  });

  test('is listed with all that it can delete by', () => {
    exchange({
      ...deleting,
      rights: [
        right(DELETE, 'delete', 'delete'),
        right(DELETE, 'copy', 'reveal'),
        right(READ, 'select', 'read'),
      ],
      grants: [DELETE, READ],
    });
    expect(ledger.deleteCapable).toMatchObject([
      {
        ...{ index: 30, stage: 'exchange', lease: LEASE, agent: 'cursor' },
        operations: ['postgres:delete', 'postgres:copy'],
        grants: [{ grant: DELETE, signed_by: [{ human: 'alice' }, { human: 'bob' }] }],
      },
    ]);
  });

  test('is not listed if it cannot delete', () => {
    exchange(reading);
    expect(ledger.deleteCapable).toEqual([]);
  });
});

describe('the end of a lease', () => {
  const ends = (says: Partial<LeaseRevokedBody> = {}) =>
    judgeRevoked(ledger, { lease: LEASE, decision: DECISION, agent: AGENT, ...says }, entryOf(31));
  const remarks = (text: string) => [
    { index: 31, id: id(31), text: expect.stringContaining(text) },
  ];
  beforeEach(() => {
    exchange(once);
  });

  test('is said once', () => {
    expect(ends()).toBeNull();
    expect(ledger.leases.size).toBe(0);
    expect(ledger.remarks).toEqual([]);
    expect(ends()).toBeNull();
    expect(ledger.remarks).toEqual(
      remarks(`Lease ${LEASE} was ended that no decision had allowed`),
    );
  });

  test.each<[string, Partial<LeaseRevokedBody>]>([
    ['agent', { agent: OTHER }],
    ['decision', { decision: NOBODY }],
  ])("is not said of another %s's", (_, says) => {
    expect(ends(says)).toBe(`lease ${LEASE} is another decision's`);
    expect(ledger.leases.size).toBe(1);
  });

  test('is noticed where a hand edited its row, and is its end', () => {
    expect(ends({ agent: OTHER, edited: true })).toBeNull();
    expect(ledger.remarks).toEqual(remarks(`The row of lease ${LEASE} had been edited by hand.`));
    expect(ledger.leases.size).toBe(0);
  });

  test('leaves the outcome of a run to be said, and is noticed the second time', () => {
    change(ledger.leases, LEASE, { isRun: true });
    expect(ends()).toBeNull();
    expect(ledger.leases.get(LEASE)).toMatchObject({ revoked: true });
    expect(ledger.remarks).toEqual([]);
    expect(ends()).toBeNull();
    expect(ledger.remarks).toEqual(remarks('had ended before'));
  });

  test('gives no use back', () => {
    ends();
    expect(ledger.uses.get(ONCE)).toBe(1);
  });
});

describe('a lease that failed', () => {
  const fails = (says: Partial<LeaseFailedBody> = {}) =>
    judgeFailed(ledger, {
      ...{ lease: LEASE, decision: DECISION, agent: AGENT, uses_returned: [ONCE], ...says },
    });
  beforeEach(() => {
    exchange(once);
  });

  test('gives back its use, once', () => {
    expect(fails()).toBeNull();
    expect(ledger.uses.get(ONCE)).toBe(0);
    expect(fails()).toBe(`no decision allowed lease ${LEASE}, or it had ended`);
    expect(ledger.uses.get(ONCE)).toBe(0);
  });

  test.each<[string, Partial<LeaseFailedBody>, string]>([
    ["another decision's", { decision: NOBODY }, "is another decision's"],
    ["another agent's", { agent: OTHER }, "is another decision's"],
    ['more than was taken', { uses_returned: [ONCE, ONCE] }, 'other uses than were taken'],
    ["another grant's", { uses_returned: [READ] }, 'other uses than were taken'],
    ['less than was taken', { uses_returned: [] }, 'other uses than were taken'],
  ])('gives back no use that is %s', (_, says, reason) => {
    expect(fails(says)).toContain(reason);
    expect(ledger.uses.get(ONCE)).toBe(1);
  });

  test('is none of a run, whose outcome says it', () => {
    change(ledger.leases, LEASE, { isRun: true });
    expect(fails()).toBe(`lease ${LEASE} is of a run, which says its outcome`);
  });
});

test('a lease under a grant revoked since it was decided could not have been', () => {
  change(ledger.state.grants, READ, { revokedAt: EARLIER });
  expect(exchange(reading)).toContain('was revoked before');
});
