/** What is foreseen is what then happens, and foreseeing it changes nothing. */
import { describe, expect, test } from 'vitest';
import {
  decodeStatement,
  emptyState,
  grantStanding,
  stateWithCatalog,
  stateWithStatement,
  touchedGrants,
} from '../src/index.ts';
import {
  agentBody,
  type Body,
  CATALOG,
  digestOfCatalog,
  grantBody,
  permission,
  withEffects,
} from './support/bodies.ts';
import {
  type Draft,
  dangerousGrant,
  HOUR,
  payloadOf,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf } from './support/device-keys.ts';
import { snapshot } from './support/snapshot.ts';

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const READ = [permission({ 'db:select': 'read' }, ['orders'])];
const RAISED = withEffects('db:select', [{ effect: 'reveal' }]);

async function dropGrant(t: Team): Promise<string> {
  const body = dangerousGrant(t, t.staging, DROP);
  return await t.broker.done(t.broker.draft('grant.create', body), t.alice.key, t.bob.key);
}

async function readGrant(t: Team): Promise<string> {
  const body = grantBody({ ...t, environment: t.staging }, READ);
  return await t.broker.done(t.broker.draft('grant.create', body), t.erin.key);
}

function bodyOfConnection(t: Team): Body {
  return { ...t.broker.state.connections.get(t.connection)?.body, connection: t.connection };
}

/** What becomes of the two grants: whom it takes, and what else stays. */
const cases: readonly [string, (t: Team) => Draft, readonly ('drop' | 'read')[]][] = [
  [
    'a signer removed',
    (t) => t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' }),
    ['drop'],
  ],
  [
    'a key revoked',
    (t) => t.broker.draft('key.revoke', { key: t.alice.key.kid, reason: 'lost' }),
    ['drop'],
  ],
  [
    'another key of the agent',
    (t) =>
      t.broker.draft('agent.credential.set', {
        ...{ agent: t.agent, auth: agentBody('', keyOf('another'))['auth'] },
        ...{ require_dpop: false, reason: 'rotation' },
      }),
    ['drop'],
  ],
  [
    'the connection elsewhere',
    (t) =>
      t.broker.draft('connection.set', {
        ...bodyOfConnection(t),
        endpoint: 'elsewhere.example:5432',
        credential: digestOfCatalog(CATALOG),
      }),
    ['drop'],
  ],
  [
    'a stricter rule',
    (t) =>
      t.broker.draft('environment.set', {
        ...t.broker.state.environments.get(t.staging)?.rule,
        ...{ environment: t.staging, quorum: 3 },
      }),
    ['drop'],
  ],
  [
    'a raised effect',
    (t) =>
      t.broker.draft('catalog.adopt', {
        ...{ provider: 'db', digest: digestOfCatalog(CATALOG), reason: 'it shows secrets' },
        effects: [{ operation: 'db:select', effect: 'reveal' }],
      }),
    ['read'],
  ],
  [
    'the connection removed',
    (t) => t.broker.draft('connection.remove', { connection: t.connection, reason: 'away' }),
    ['drop', 'read'],
  ],
];

describe('a statement', () => {
  test.each(cases)(
    '%s touches what it then touches, and nothing before',
    async (_, drafted, whom) => {
      const t = await team();
      const [drop, read] = [await dropGrant(t), await readGrant(t)];
      const grants = { drop, read };
      const draft = drafted(t);
      const { statement } = decodeStatement(payloadOf(draft));
      const before = snapshot(t.broker.state);
      const after = await stateWithStatement(t.broker.state, statement);
      const touched = touchedGrants(t.broker.state, after, t.broker.now);
      expect(snapshot(t.broker.state)).toBe(before);
      expect(touched.map(({ grant }) => grant).sort()).toEqual(whom.map((w) => grants[w]).sort());
      for (const { before: was, reasons } of touched) {
        expect([was, reasons.length > 0]).toEqual(['active', true]);
      }
      // Signed by those who must, it comes as it was foreseen.
      const two = draft.kind === 'human.remove' || draft.kind === 'key.revoke';
      const signers = two ? [t.alice, t.bob, t.carol] : [t.alice];
      await t.broker.done(draft, ...signers.map(({ key }) => key));
      const now = (grant: string) => grantStanding(t.broker.state, grant, t.broker.now)?.status;
      for (const { grant, after: foreseen } of touched) expect(now(grant)).toBe(foreseen);
      for (const grant of [drop, read]) {
        if (!touched.some((each) => each.grant === grant)) expect(now(grant)).toBe('active');
      }
    },
  );
});

test('a grant that cools off is touched as one that holds', async () => {
  const t = await team();
  const rule = { ...t.broker.state.environments.get(t.staging)?.rule, environment: t.staging };
  await t.broker.done(t.broker.draft('environment.set', { ...rule, cool_off: 60 }), t.alice.key);
  const [drop, read] = [await dropGrant(t), await readGrant(t)];
  const body = { human: t.bob.id, reason: 'left' };
  const { statement } = decodeStatement(payloadOf(t.broker.draft('human.remove', body)));
  const after = await stateWithStatement(t.broker.state, statement);
  expect(touchedGrants(t.broker.state, after, t.broker.now)).toMatchObject([
    { grant: drop, before: 'cooling_off', after: 'suspended' },
  ]);
  const raised = stateWithCatalog(t.broker.state, RAISED);
  expect(touchedGrants(t.broker.state, raised, t.broker.now)).toMatchObject([
    { grant: read, before: 'cooling_off', after: 'suspended' },
  ]);
  // What is over, or was given since, is touched by nothing.
  expect(touchedGrants(t.broker.state, after, t.broker.now + 9 * HOUR)).toEqual([]);
  expect(touchedGrants(stateWithCatalog(emptyState(), CATALOG), after, t.broker.now)).toEqual([]);
  expect(touchedGrants(after, emptyState(), t.broker.now)).toEqual([]);
});

describe('a catalog that a new version brings', () => {
  test('touches what it makes worse', async () => {
    const t = await team();
    await dropGrant(t);
    const read = await readGrant(t);
    const after = stateWithCatalog(t.broker.state, RAISED);
    expect(touchedGrants(t.broker.state, after, t.broker.now)).toMatchObject([
      { grant: read, before: 'active', after: 'suspended' },
    ]);
  });

  test('and a grant that waits, which is proposed anew', async () => {
    const t = await team();
    const body = dangerousGrant(t, t.staging, DROP);
    const draft = t.broker.draft('grant.create', body);
    await t.broker.propose(draft, t.alice.key);
    const worse = withEffects('db:drop', [{ effect: 'escalate' }]);
    const after = stateWithCatalog(t.broker.state, worse);
    expect(touchedGrants(t.broker.state, after, t.broker.now)).toMatchObject([
      { grant: draft.id, before: 'waiting', reasons: [expect.stringContaining('escalate')] },
    ]);
  });

  test('and no grant that waits in vain already', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    await t.broker.propose(draft, t.alice.key);
    await t.broker.record(withEffects('db:drop', [{ effect: 'escalate' }]));
    const after = stateWithCatalog(t.broker.state, RAISED);
    expect(touchedGrants(t.broker.state, after, t.broker.now)).toEqual([]);
  });

  test('that is recorded already touches nothing', async () => {
    const t = await team();
    await dropGrant(t);
    await readGrant(t);
    const after = stateWithCatalog(t.broker.state, CATALOG);
    expect(touchedGrants(t.broker.state, after, t.broker.now)).toEqual([]);
  });
});
