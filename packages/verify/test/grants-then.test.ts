/** Where a grant stands at one place of the ledger, and what it holds there: each law by itself. */
import { digestOfDocument } from '@countersign/authority';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Place } from '../src/grants-then.ts';
import type { LedgerSoFar } from '../src/ledger-so-far.ts';
import {
  AGENT,
  ALICE,
  addDeleting,
  addGrant,
  BOB,
  CAROL,
  change,
  digest,
  EARLIER,
  freeze,
  type GrantWish,
  HOUR,
  id,
  LIVE,
  ledgerByHand,
  NOBODY,
  NOW,
  OTHER,
  operation,
  PG,
  PRODUCTION,
  permission,
  pinsNow,
  STAGING,
  setRule,
} from './ledger-by-hand.ts';

const DAY = 86_400;
const GRANT = id(21);

let ledger: LedgerSoFar;
beforeEach(() => {
  ledger = ledgerByHand();
});

const problem = (at = NOW, agent = AGENT) => ledger.grants.problemOf(GRANT, agent, at);
function place(connection = 'pg', environment = 'staging'): Place {
  const found = ledger.grants.placeOf(connection, environment);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('a place', () => {
  test('is what the names were given to', () => {
    expect(place().connection.id).toBe(PG);
    expect(place('live', 'production')).toMatchObject({
      connection: { id: LIVE },
      environment: { id: PRODUCTION },
    });
  });

  test.each<[string, string, string, string]>([
    ['a connection that nobody named', 'gone', 'staging', 'there was no connection gone then'],
    ['an environment that nobody named', 'pg', 'moon', 'there was no environment moon then'],
    ['a connection by the name of an environment', 'staging', 'staging', 'no connection staging'],
  ])('is not there without one: %s', (_, connection, environment, says) => {
    expect(ledger.grants.placeOf(connection, environment)).toContain(says);
  });

  test('is not there once its connection was removed', () => {
    change(ledger.state.connections, PG, { removedAt: EARLIER });
    expect(ledger.grants.placeOf('pg', 'staging')).toBe('there was no connection pg then');
  });
});

describe('a grant', () => {
  test('holds from its first instant to its last', () => {
    addGrant(ledger, GRANT);
    expect(problem(NOW - HOUR)).toBeNull();
    expect(problem(NOW + HOUR)).toBeNull();
    expect(problem(NOW - HOUR - 1)).toBe(`the cool-off of grant ${GRANT} was not over`);
    expect(problem(NOW + HOUR + 1)).toBe(`the validity of grant ${GRANT} was over`);
  });

  test.each<[string, () => void, string]>([
    ['that nobody signed', () => undefined, `no grant ${GRANT} had been signed by enough`],
    ['of another agent', () => addGrant(ledger, GRANT, { agent: OTHER }), "is another agent's"],
    [
      'that was revoked',
      () => addGrant(ledger, GRANT, { revokedAt: EARLIER }),
      'was revoked before',
    ],
    [
      'on a connection that was removed',
      () => {
        change(ledger.state.connections, PG, { removedAt: EARLIER });
        addGrant(ledger, GRANT);
      },
      `grant ${GRANT} did not hold: its connection was removed`,
    ],
    ['on no connection', () => addGrant(ledger, GRANT, { connection: NOBODY }), 'was removed'],
    [
      'without a statement',
      () => addGrant(ledger, GRANT, { signedBy: null }),
      'no statement stands behind it',
    ],
    [
      'whose agent has other credentials than it pins',
      () =>
        addGrant(ledger, GRANT, { pins: { ...pinsNow(ledger), agent_credentials: [digest('x')] } }),
      "the agent's credentials are not those it pins",
    ],
    [
      'whose connection is not as it pins it',
      () => addGrant(ledger, GRANT, { pins: { ...pinsNow(ledger), connection: digest('x') } }),
      'the connection is not as it pins it',
    ],
    [
      'whose pin broke once',
      () => addGrant(ledger, GRANT, { pins: pinsNow(ledger), unpinnedAt: EARLIER }),
      'what it pins was changed, and changed back',
    ],
  ])('%s holds for nothing', (_, make, says) => {
    make();
    expect(problem()).toContain(says);
    expect(ledger.grants.signersOf(GRANT)).toEqual([]);
  });

  test('stands or falls for what was begun under it by the same, whatever the clock says', () => {
    addGrant(ledger, GRANT, { until: NOW - HOUR });
    expect(ledger.grants.problemOfBegun(GRANT)).toBeNull();
    addGrant(ledger, GRANT, { pins: pinsNow(ledger), unpinnedAt: EARLIER });
    expect(ledger.grants.problemOfBegun(GRANT)).toBe(
      `grant ${GRANT} did not hold: what it pins was changed, and changed back`,
    );
  });

  test('that cannot delete needs no second signer, no key and no limit, and names no signers', () => {
    addGrant(ledger, GRANT, { operations: [['update', 'write']], valid_for: 300 * DAY });
    expect(problem()).toBeNull();
    expect(ledger.grants.signersOf(GRANT)).toEqual([]);
  });

  test('pins what the environment maps to at its own connection', () => {
    const body = ledger.state.connections.get(PG)?.body;
    const pins = { agent_credentials: [...(ledger.state.agents.get(AGENT)?.credentials ?? [])] };
    const { provider, endpoint, account, config } = body ?? {};
    addGrant(ledger, GRANT, {
      environment: id(17),
      pins: {
        ...pins,
        connection: digestOfDocument({
          connection: PG,
          provider,
          endpoint,
          account,
          config,
          mapping: [],
        }),
      },
    });
    expect(problem()).toBeNull();
  });
});

describe('a grant that can delete', () => {
  test('holds on two signatures, which it names', () => {
    addDeleting(ledger, GRANT);
    expect(problem()).toBeNull();
    expect(ledger.grants.signersOf(GRANT).map(({ human }) => human)).toEqual(['alice', 'bob']);
  });

  test.each<[string, GrantWish, string]>([
    ['stands longer than a day', { valid_for: DAY + 1 }, 'it stands too long'],
    ['has uses without a limit', { max_uses: null }, 'its uses have no limit'],
    ['pins nothing', { pins: null }, 'it pins nothing'],
    ['names no key', { sender: null }, 'it names no key'],
    ['has one signature', { signedBy: [[ALICE, 'alice']] }, 'did not suffice (1 of 2 approvers)'],
    [
      'has a second signature of one who only reads',
      {
        signedBy: [
          [ALICE, 'alice'],
          [CAROL, 'carol'],
        ],
      },
      '1 of 2 approvers',
    ],
    [
      'was signed for less than it can do',
      { operations: [['delete', 'read']], pins: null },
      'pins nothing',
    ],
    [
      'was signed for more than it can do',
      { operations: [['select', 'delete']], pins: null },
      'pins nothing',
    ],
    [
      'holds what no catalog knows any more',
      { operations: [['merge', 'read']], pins: null },
      'pins nothing',
    ],
    [
      'deletes by the second of its operations',
      {
        operations: [
          ['select', 'read'],
          ['delete', 'delete'],
        ],
        pins: null,
      },
      'pins nothing',
    ],
    [
      'deletes by the first of its permissions',
      {
        permissions: [
          permission([['delete', 'delete']], ['public.orders']),
          permission([['select', 'read']], ['public.orders']),
        ],
        pins: null,
      },
      'pins nothing',
    ],
  ])('holds for nothing if it %s', (_, wish, says) => {
    addDeleting(ledger, GRANT, wish);
    expect(problem()).toContain(says);
  });

  test('holds for a whole day', () => {
    addDeleting(ledger, GRANT, { valid_for: DAY });
    expect(problem()).toBeNull();
  });

  test.each(['copy', 'call'] as const)(
    'by revealing or running alone may stand for 30 days and any number of uses: %s',
    (name) => {
      const operations = [[name, name === 'copy' ? 'reveal' : 'execute']] as const;
      const lenient = { operations, max_uses: null, valid_for: 30 * DAY };
      addDeleting(ledger, GRANT, lenient);
      expect(problem()).toBeNull();
      addDeleting(ledger, GRANT, { ...lenient, valid_for: 30 * DAY + 1 });
      expect(problem()).toContain('it stands too long');
      const production = { environment: PRODUCTION, pins: pinsNow(ledger, PG, PRODUCTION) };
      addDeleting(ledger, GRANT, { ...lenient, ...production });
      expect(problem()).toContain('it stands too long');
      addDeleting(ledger, GRANT, { ...lenient, ...production, valid_for: DAY });
      expect(problem()).toContain('its uses have no limit');
      addDeleting(ledger, GRANT, { ...production, operations });
      expect(problem()).toBeNull();
    },
  );

  test('is told by the whole where it deletes only there', () => {
    const rules = {
      ...operation('update', 'write'),
      effects: [{ effect: 'write' }, { effect: 'delete', whole_resource: true }],
    } as const;
    ledger.state.catalogs.set('more', { provider: 'postgres', operations: [rules] });
    const operations = [['update', 'write']] as const;
    addGrant(ledger, GRANT, { operations, resources: ['public.orders(state)'] });
    expect(problem()).toBeNull();
    for (const resources of [['public.orders'], ['public.orders(state)', 'public.orders']]) {
      addGrant(ledger, GRANT, { operations, resources });
      expect(problem()).toContain('its uses have no limit');
    }
  });

  test('is told by the part where no rule speaks of it', () => {
    const rules = {
      ...operation('mend', 'write'),
      effects: [{ effect: 'write', whole_resource: true }],
    } as const;
    ledger.state.catalogs.set('more', { provider: 'postgres', operations: [rules] });
    const operations = [['mend', 'write']] as const;
    addGrant(ledger, GRANT, { operations });
    expect(problem()).toBeNull();
    addGrant(ledger, GRANT, { operations, resources: ['public.orders', 'public.orders(state)'] });
    expect(problem()).toContain('its uses have no limit');
  });

  test('is told by the class of its environment', () => {
    const rules = {
      ...operation('mend', 'write'),
      effects: [{ effect: 'write' }, { effect: 'delete', environment_class: 'production' }],
    } as const;
    ledger.state.catalogs.set('more', { provider: 'postgres', operations: [rules] });
    const operations = [['mend', 'write']] as const;
    addGrant(ledger, GRANT, { operations });
    expect(problem()).toBeNull();
    addGrant(ledger, GRANT, { operations, environment: PRODUCTION });
    expect(problem()).toContain('its uses have no limit');
  });
});

describe('what was worked out', () => {
  test('is worked out anew when authority changed', () => {
    addDeleting(ledger, GRANT);
    expect(problem()).toBeNull();
    change(ledger.state.humans, BOB, { removedAt: EARLIER });
    ledger.grants.forget();
    expect(problem()).toContain('1 of 2 approvers');
  });

  test('of effects is worked out anew as well', () => {
    addGrant(ledger, GRANT);
    expect(ledger.grants.effectUnder(GRANT, place(), 'postgres:select', 'public.orders')).toBe(
      'read',
    );
    ledger.state.catalogs.set('more', {
      provider: 'postgres',
      operations: [operation('select', 'reveal')],
    });
    ledger.grants.forget();
    expect(ledger.grants.effectUnder(GRANT, place(), 'postgres:select', 'public.orders')).toBe(
      'reveal',
    );
  });

  test('of one operation is not taken for that of another, of a part or of another class', () => {
    const effects = [
      { effect: 'write' },
      { effect: 'delete', whole_resource: true },
      { effect: 'escalate', environment_class: 'production' },
    ] as const;
    ledger.state.catalogs.set('more', {
      provider: 'postgres',
      operations: [{ ...operation('mend', 'write'), effects }],
    });
    const operations = [
      ['mend', 'write'],
      ['select', 'read'],
    ] as const;
    addGrant(ledger, GRANT, { operations });
    addGrant(ledger, id(22), { operations, environment: PRODUCTION });
    const under = (grant: string, at: Place, name: string, resource: string) =>
      ledger.grants.effectUnder(grant, at, `postgres:${name}`, resource);
    expect(under(GRANT, place(), 'mend', 'public.orders')).toBe('delete');
    expect(under(GRANT, place(), 'mend', 'public.orders(state)')).toBe('write');
    expect(under(GRANT, place(), 'select', 'public.orders')).toBe('read');
    expect(under(id(22), place('pg', 'production'), 'mend', 'public.orders')).toBe('escalate');
  });

  test('is whose signatures stand while frozen, and again when it was lifted', () => {
    addDeleting(ledger, GRANT);
    freeze(ledger, 'human', BOB);
    expect(problem()).toContain('1 of 2 approvers');
    for (const [each, was] of ledger.state.freezes)
      ledger.state.freezes.set(each, { ...was, liftedAt: EARLIER });
    ledger.grants.forget();
    expect(problem()).toBeNull();
  });
});

describe('what a grant holds', () => {
  const under = (name: string, resource = 'public.orders', at = place()) =>
    ledger.grants.effectUnder(GRANT, at, `postgres:${name}`, resource);

  test.each<[string, GrantWish, string]>([
    ['of its operation', {}, 'update'],
    ['at its connection', { connection: LIVE }, 'select'],
    ['in its environment', { environment: PRODUCTION }, 'select'],
    ['on its resources', { resources: ['public.people'] }, 'select'],
    ['that a catalog knows', { operations: [['merge', 'read']] }, 'merge'],
  ])('is nothing but what is %s', (_, wish, name) => {
    addGrant(ledger, GRANT, wish);
    expect(under(name)).toBeNull();
  });

  test('is nothing where there is none', () => {
    expect(under('select')).toBeNull();
    expect(ledger.grants.signersOf(GRANT)).toEqual([]);
  });

  test.each([
    ['read', 'delete'],
    ['delete', 'read'],
  ] as const)('is the mildest of its permissions, in any order: %s, %s', (first, second) => {
    const permissions = [first, second].map((effect) =>
      permission([['select', effect]], ['public.orders']),
    );
    addGrant(ledger, GRANT, { permissions });
    expect(under('select')).toBe('read');
  });

  test('is found behind permissions that hold other things', () => {
    addGrant(ledger, GRANT, {
      permissions: [
        permission([['update', 'write']], ['public.orders']),
        permission([['select', 'read']], ['public.people']),
        permission([['select', 'write']], ['public.people', 'public.orders']),
      ],
    });
    expect(under('select')).toBe('write');
  });

  test('is the worse of signed and recorded', () => {
    addGrant(ledger, GRANT, {
      operations: [
        ['delete', 'read'],
        ['select', 'write'],
      ],
    });
    expect(under('delete')).toBe('delete');
    expect(under('select')).toBe('write');
  });
});

test("an environment's own quorum is asked of its grants", () => {
  setRule(ledger, STAGING, { quorum: 3 });
  addDeleting(ledger, GRANT);
  expect(problem()).toContain('2 of 3 approvers');
});
