import { describe, expect, test } from 'vitest';
import {
  decodeStatement,
  grantStanding,
  progressOf,
  requirementOf,
  standingOf,
  suspensions,
} from '../src/index.ts';
import { type Body, grantBody, permission, withEffects } from './support/bodies.ts';
import { DAY, dangerousGrant, HOUR, payloadOf, type Team, team } from './support/deployment.ts';

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const READ = [permission({ 'db:select': 'read' }, ['orders'])];

function standing(t: Team, id: string) {
  return grantStanding(t.broker.state, id, t.broker.now);
}

async function dropGrant(t: Team, change: Body = {}): Promise<string> {
  const body = dangerousGrant(t, t.staging, DROP, change);
  return await t.broker.done(t.broker.draft('grant.create', body), t.alice.key, t.bob.key);
}

async function readGrant(t: Team): Promise<string> {
  const body = grantBody({ ...t, environment: t.staging }, READ);
  return await t.broker.done(t.broker.draft('grant.create', body), t.erin.key);
}

describe('a delete-capable grant is judged again at every look', () => {
  test('it stands while all is as it was signed', async () => {
    const t = await team();
    expect(standing(t, await dropGrant(t))).toEqual({
      status: 'active',
      reasons: [],
      deleteCapable: true,
    });
  });

  test.each<[string, 'human.remove' | 'key.revoke']>([
    ['a signer was removed', 'human.remove'],
    ['a signer’s key was revoked', 'key.revoke'],
  ])(
    '%s: suspended at once, and a third human’s word does not replace theirs',
    async (_n, kind) => {
      const t = await team();
      const grant = await dropGrant(t);
      const body =
        kind === 'human.remove'
          ? { human: t.bob.id, reason: 'left' }
          : { key: t.bob.key.kid, reason: 'lost' };
      await t.broker.done(t.broker.draft(kind, body), t.alice.key, t.carol.key);
      expect(standing(t, grant)).toEqual({
        status: 'suspended',
        reasons: [expect.stringMatching(/signatures no longer suffice: 1 more distinct human/)],
        deleteCapable: true,
      });
    },
  );

  test('re-enrolled under a new name and key, an old signature does not count again', async () => {
    const t = await team();
    const grant = await dropGrant(t);
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.bob.id, reason: 'left' }),
      t.alice.key,
      t.carol.key,
    );
    const back = await t.broker.enrol('robert', ['approver'], [t.alice, t.carol]);
    expect(standing(t, grant)?.status).toBe('suspended');
    expect(back.id).not.toBe(t.bob.id);
  });

  test('another key of a signer was revoked: it stands', async () => {
    const t = await team();
    const grant = await dropGrant(t);
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.carol.id, reason: 'left' }),
      t.alice.key,
      t.bob.key,
    );
    expect(standing(t, grant)?.status).toBe('active');
  });

  test('the rule was made stricter: suspended', async () => {
    const t = await team();
    const grant = await dropGrant(t);
    const rule = t.broker.state.environments.get(t.staging)?.rule;
    await t.broker.done(
      t.broker.draft('environment.set', { ...rule, environment: t.staging, quorum: 3 }),
      t.alice.key,
    );
    expect(standing(t, grant)).toMatchObject({
      status: 'suspended',
      reasons: [expect.stringMatching(/1 more distinct human/)],
    });
  });

  test('the environment became production: a month of execute is too long', async () => {
    const t = await team();
    const run = [permission({ 'db:run': 'execute' }, ['orders'])];
    const body = dangerousGrant(t, t.staging, run, { valid_for: 30 * 86_400, max_uses: null });
    const draft = t.broker.draft('grant.create', body);
    const grant = await t.broker.done(draft, t.alice.key, t.bob.key);
    const rule = t.broker.state.environments.get(t.staging)?.rule;
    await t.broker.done(
      t.broker.draft('environment.set', { ...rule, environment: t.staging, class: 'production' }),
      t.alice.key,
    );
    expect(standing(t, grant)).toMatchObject({
      status: 'suspended',
      reasons: [expect.stringMatching(/at most 24 hours/), expect.stringMatching(/how many uses/)],
    });
  });

  test('the agent’s credentials or the connection changed: suspended until signed anew', async () => {
    const t = await team();
    const id = await dropGrant(t);
    const { state, now } = t.broker;
    const grant = state.grants.get(id);
    const agent = state.agents.get(t.agent);
    const connection = state.connections.get(t.connection);
    if (grant === undefined || agent === undefined || connection === undefined) throw new Error();
    const swapped = new Map([[t.agent, { ...agent, credentials: ['other'] }]]);
    expect(standingOf({ ...state, agents: swapped }, grant, now)).toMatchObject({
      status: 'suspended',
      reasons: ["the agent's credentials changed since it was signed"],
    });
    const changed = (change: object) => {
      const body = { ...connection.body, ...change };
      return { ...state, connections: new Map([[t.connection, { ...connection, body }]]) };
    };
    for (const change of [
      { endpoint: 'attacker.example:5432' },
      { account: 'postgres' },
      { provider: 'other' },
      { config: { tls: 'off' } },
      { mapping: { ...connection.body.mapping, [t.staging]: ['stage-1', 'prod-1'] } },
    ]) {
      expect(standingOf(changed(change), grant, now)).toMatchObject({
        status: 'suspended',
        reasons: ['the connection changed since it was signed'],
      });
    }
    const elsewhere = { mapping: { ...connection.body.mapping, [t.production]: ['prod-2'] } };
    expect(standingOf(changed(elsewhere), grant, now).status).toBe('active');
    expect(standingOf({ ...state, agents: new Map() }, grant, now).status).toBe('suspended');
    expect(standingOf({ ...state, connections: new Map() }, grant, now).status).toBe('suspended');
  });

  test.each([0, -1, 1, 1.5, Number.NaN, '1', 'one', null, undefined])(
    'a quorum of %s in the state is not met by one',
    async (quorum) => {
      const t = await team();
      const drop = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
      await t.broker.propose(drop, t.alice.key);
      const { state } = t.broker;
      const environment = state.environments.get(t.staging);
      if (environment === undefined) throw new Error();
      const rule = Object.assign({ ...environment.rule }, { quorum });
      state.environments.set(t.staging, { ...environment, rule });
      const { statement } = decodeStatement(payloadOf(drop));
      const signatures = state.statements.get(drop.id)?.signatures ?? [];
      expect(signatures).toHaveLength(1);
      const requirement = requirementOf(state, statement);
      expect(requirement.distinct < 2).toBe(false);
      expect(progressOf(state, requirement, signatures)).toMatchObject({ met: false, have: 1 });
      state.environments.delete(t.staging);
      expect(requirementOf(state, statement).distinct).toBe(2);
    },
  );

  test('no statement stands behind it: a grant edited into the tables is worth nothing', async () => {
    const t = await team();
    const id = await dropGrant(t);
    const { state, now } = t.broker;
    const grant = state.grants.get(id);
    if (grant === undefined) throw new Error();
    expect(standingOf({ ...state, statements: new Map() }, grant, now)).toMatchObject({
      status: 'suspended',
      reasons: ['no statement stands behind it'],
    });
  });
});

describe('the worst effect ever recorded counts', () => {
  test('a read that turns out to delete: one signature is no longer enough', async () => {
    const t = await team();
    const grant = await readGrant(t);
    expect(standing(t, grant)).toMatchObject({ status: 'active', deleteCapable: false });
    await t.broker.record(withEffects('db:select', [{ effect: 'delete' }]));
    expect(standing(t, grant)).toMatchObject({
      status: 'suspended',
      deleteCapable: true,
      reasons: [
        expect.stringMatching(/how many uses/),
        expect.stringMatching(/does not pin/),
        expect.stringMatching(/does not name the key/),
        expect.stringMatching(/signatures no longer suffice: 2 × approver/),
      ],
    });
  });

  test.each<[string, Parameters<typeof withEffects>[1]]>([
    ['a milder effect later changes nothing', [{ effect: 'read' }]],
    ['nor does no effect there', [{ effect: 'read', environment_class: 'production' }]],
  ])('%s', async (_name, effects) => {
    const t = await team();
    const grant = await dropGrant(t);
    await t.broker.record(withEffects('db:drop', effects));
    expect(standing(t, grant)).toMatchObject({ status: 'active', deleteCapable: true });
  });

  test('a milder catalog recorded last does not let one admin grant it', async () => {
    const t = await team();
    const milder = withEffects('db:drop', [{ effect: 'write' }]);
    await t.broker.record(milder);
    const write = [permission({ 'db:drop': 'write' }, ['orders'], milder)];
    const body = grantBody({ ...t, environment: t.staging }, write);
    const outcome = await t.broker.propose(t.broker.draft('grant.create', body), t.alice.key);
    expect(outcome).toMatchObject({ ok: false, message: expect.stringMatching(/effect delete/) });
  });

  test('a worse one recorded while a grant waits: it can no longer take effect as worded', async () => {
    const t = await team();
    const dump = [permission({ 'db:dump': 'reveal' }, ['orders'])];
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, dump));
    await t.broker.propose(draft, t.alice.key);
    await t.broker.record(withEffects('db:dump', [{ effect: 'escalate' }]));
    const outcome = await t.broker.sign(draft, t.bob.key);
    expect(outcome).toMatchObject({
      ok: false,
      message: expect.stringMatching(/can no longer take effect.*effect escalate/),
    });
  });
});

describe('what is not delete-capable is judged once', () => {
  test('it outlives the removal of its signer', async () => {
    const t = await team();
    const grant = await readGrant(t);
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.erin.id, reason: 'left' }),
      t.alice.key,
      t.bob.key,
    );
    expect(standing(t, grant)?.status).toBe('active');
  });
});

describe('a grant in time', () => {
  test('waits, stands, and ends at the millisecond', async () => {
    const t = await team();
    const draft = t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    await t.broker.propose(draft, t.alice.key);
    expect(standing(t, draft.id)).toMatchObject({ status: 'waiting', deleteCapable: true });
    t.broker.now += DAY;
    expect(standing(t, draft.id)?.status).toBe('waiting');
    await t.broker.sign(draft, t.bob.key);
    t.broker.now += HOUR - 1;
    expect(standing(t, draft.id)?.status).toBe('active');
    t.broker.now += 1;
    expect(standing(t, draft.id)?.status).toBe('expired');
  });

  test('says at each time why it does not stand', async () => {
    const t = await team();
    const said = (id: string) => {
      const { status, reasons } = standing(t, id) ?? { status: 'nowhere', reasons: [] };
      return `${status}: ${reasons.join('; ')}`;
    };
    const draft = () => t.broker.draft('grant.create', dangerousGrant(t, t.staging, DROP));
    const [waits, refused] = [draft(), draft()];
    await t.broker.propose(waits, t.alice.key);
    await t.broker.propose(refused, t.alice.key);
    expect(said(waits.id)).toBe('waiting: it waits for signatures');
    const veto = t.broker.draft('statement.reject', { statement: refused.id, reason: 'no' });
    await t.broker.done(veto, t.dave.key);
    expect(said(refused.id)).toBe('rejected: it was rejected');
    expect(standing(t, refused.id)?.deleteCapable).toBe(true);
    const [revoked, read] = [await dropGrant(t), await readGrant(t)];
    await t.broker.done(
      t.broker.draft('grant.revoke', { grant: revoked, reason: 'done' }),
      t.dave.key,
    );
    expect(said(revoked)).toBe('revoked: it was revoked');
    t.broker.now += DAY + 1;
    expect(said(waits.id)).toBe('lapsed: it was not signed in time');
    expect(said(read)).toBe('expired: its validity is over');
    expect(standing(t, read)?.deleteCapable).toBe(false);
  });

  test('without a connection it holds not, whatever the clock says', async () => {
    const t = await team();
    const grants = [await dropGrant(t), await readGrant(t)];
    const held = () =>
      grants.map((id) => {
        const grant = t.broker.state.grants.get(id);
        return grant === undefined ? null : suspensions(t.broker.state, grant);
      });
    expect(held()).toEqual([[], []]);
    const body = { connection: t.connection, reason: 'away' };
    await t.broker.done(t.broker.draft('connection.remove', body), t.alice.key);
    expect(held()).toEqual([['its connection was removed'], ['its connection was removed']]);
  });

  test('a clock set back before its beginning finds it cooling off', async () => {
    const t = await team();
    const grant = await dropGrant(t);
    t.broker.now -= 1;
    expect(standing(t, grant)?.status).toBe('cooling_off');
  });

  test('what never was, or is no grant, stands nowhere', async () => {
    const t = await team();
    expect(standing(t, t.agent)).toBeNull();
    expect(standing(t, t.broker.newId())).toBeNull();
  });
});
