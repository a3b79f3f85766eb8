/**
 * Power by the side door, each test named after the attack: what one admin, with one person's keys and every
 * agent's, tries against the others. `mallory` is erin, an admin, unless a test says otherwise.
 */
import { describe, expect, test } from 'vitest';
import { delayed, escapesAccepted, recordedEffect } from '../src/index.ts';
import {
  agentBody,
  type Body,
  CATALOG,
  changeBody,
  codeOf,
  connectionBody,
  digestOfCatalog,
  enrollBody,
  environmentBody,
  recoverBody,
  withEffects,
} from './support/bodies.ts';
import {
  DAY,
  Deployment,
  type Draft,
  HOUR,
  instant,
  keys,
  type Person,
  type Team,
  team,
} from './support/deployment.ts';
import { keyOf, sha256 } from './support/device-keys.ts';
import {
  expectComplete,
  expectCoolingOff,
  expectPending,
  expectRefusal,
} from './support/refusal.ts';

const [stolen, spare] = [keyOf('a key of mallory’s'), keyOf('a code of mallory’s')];
const OVERTAKEN = /changed since it was proposed\. Propose it anew/;

function change(
  t: Team,
  who: Person,
  roles: string[],
  groups: string[] = [],
  more: Body = {},
): Draft {
  const body = { ...changeBody(who, t.erin.id, roles, groups), ...more };
  return t.broker.draft('human.enroll', body);
}

function rule(t: Team, more: Body): Draft {
  const body = { ...environmentBody('staging', 'staging'), environment: t.staging, ...more };
  return t.broker.draft('environment.set', body);
}

function mapped(t: Team, mapping: Record<string, string[]>, more: Body = {}): Draft {
  const body = { ...connectionBody('main', mapping), connection: t.connection, ...more };
  return t.broker.draft('connection.set', body);
}

describe('a rule', () => {
  test('a loosening that others made stricter meanwhile does not undo what they did', async () => {
    const t = await team();
    await t.broker.done(rule(t, { cool_off: 3600 }), t.alice.key);
    const loosening = rule(t, { cool_off: 60 });
    expectCoolingOff(await t.broker.propose(loosening, ...keys(t.alice, t.bob)));
    await t.broker.done(rule(t, { cool_off: 3600, require_dpop: true }), t.erin.key);
    t.broker.now += HOUR;
    expectRefusal(await t.broker.takeEffect(loosening.id), 'conflict', OVERTAKEN);
    expect(t.broker.state.environments.get(t.staging)?.rule).toMatchObject({
      cool_off: 3600,
      require_dpop: true,
    });
  });

  test('of two loosenings that cool off, the second takes none back that the first did not', async () => {
    const t = await team();
    await t.broker.done(rule(t, { cool_off: 3600, require_dpop: true }), t.alice.key);
    const first = rule(t, { cool_off: 3600 });
    const second = rule(t, { cool_off: 0, require_dpop: true });
    expectCoolingOff(await t.broker.propose(first, ...keys(t.alice, t.bob)));
    t.broker.now += 1;
    expectCoolingOff(await t.broker.propose(second, ...keys(t.alice, t.bob)));
    t.broker.now += HOUR;
    expectComplete(await t.broker.takeEffect(first.id));
    expectRefusal(await t.broker.takeEffect(second.id), 'conflict', OVERTAKEN);
  });

  test('a half-signed change is not completed against another rule than its signer saw', async () => {
    const t = await team();
    await t.broker.done(rule(t, { require_dpop: true }), t.alice.key);
    const draft = rule(t, {});
    expectPending(await t.broker.propose(draft, t.alice.key), /1 more/);
    await t.broker.done(rule(t, { require_dpop: true, cool_off: 86_400 }), t.erin.key);
    expectRefusal(await t.broker.sign(draft, t.bob.key), 'conflict', OVERTAKEN);
  });

  test('mallory maps into what she first made production, and does not lower it alone', async () => {
    const t = await team();
    await t.broker.done(rule(t, { class: 'production' }), t.erin.key);
    const more = { [t.production]: ['prod-1'], [t.staging]: ['prod-2', 'stage-1'] };
    await t.broker.done(mapped(t, more), t.erin.key);
    const back = rule(t, {});
    expectPending(await t.broker.propose(back, t.erin.key), /2 × approver/);
  });

  test('a group that is mallory’s alone locks the others out for thirty days, not for ever', async () => {
    const t = await team();
    // An approver among two colleagues who believed it was a label.
    await t.broker.done(change(t, t.erin, ['admin', 'approver'], ['m']), ...keys(t.erin, t.bob));
    await t.broker.done(rule(t, { groups: ['m'], quorum: 3 }), t.erin.key);
    const loosening = rule(t, {});
    const without = await t.broker.propose(loosening, ...keys(t.alice, t.bob, t.carol));
    expectPending(without, /^one of group m$/);
    await t.broker.done(
      t.broker.draft('human.remove', { human: t.erin.id, reason: 'this' }),
      ...keys(t.alice, t.bob),
    );
    const body = changeBody(t.bob, t.alice.id, ['approver'], ['m']);
    const joins = t.broker.draft('human.enroll', body);
    expectPending(await t.broker.propose(joins, ...keys(t.alice, t.bob)), /one of group m/);
    t.broker.now += 30 * DAY;
    expectComplete(await t.broker.takeEffect(joins.id));
    const again = rule(t, {});
    expectComplete(await t.broker.propose(again, ...keys(t.alice, t.bob, t.carol)));
  });
});

describe('a human', () => {
  test('mallory adds a key of hers for carol, vouched for by a colleague in good faith', async () => {
    const t = await team();
    const more = { key: stolen.jwk, fingerprint: stolen.kid };
    const draft = change(t, t.carol, ['approver'], [], more);
    const outcome = await t.broker.propose(draft, stolen, ...keys(t.erin, t.bob));
    expectRefusal(outcome, 'forbidden', /Another key or recovery code of carol is theirs alone/);
  });

  test('mallory adds a key of hers for carol, and waits thirty days', async () => {
    const t = await team();
    const more = { key: stolen.jwk, fingerprint: stolen.kid, sponsor: t.carol.id };
    const draft = change(t, t.carol, ['approver'], [], more);
    expectPending(await t.broker.propose(draft, stolen, t.erin.key), /the sponsor carol/);
    t.broker.now += 30 * DAY;
    expectRefusal(await t.broker.takeEffect(draft.id), 'conflict', /the sponsor carol/);
  });

  test('mallory makes carol’s recovery code her own, to recover as carol', async () => {
    const t = await team();
    const draft = change(t, t.carol, ['approver'], [], { recovery: spare.kid });
    const outcome = await t.broker.propose(draft, ...keys(t.erin, t.bob));
    expectRefusal(outcome, 'forbidden', /theirs alone/);
  });

  test('mallory freezes carol and recovers as her, without the code', async () => {
    const t = await team();
    const target = { kind: 'human', id: t.carol.id };
    await t.broker.done(t.broker.draft('freeze', { target, reason: 'odd' }), t.erin.key);
    const draft = t.broker.draft('recover', recoverBody(t.carol.id, stolen, spare, codeOf('x')));
    const outcome = await t.broker.propose(draft, stolen, spare, t.erin.key);
    expectRefusal(outcome, 'forbidden', /not the recovery code of carol/);
  });

  test('mallory sponsors herself into a second human', async () => {
    const t = await team();
    const id = t.broker.newId();
    const body = enrollBody('zoe', stolen, id, ['approver']);
    const draft = t.broker.draft('human.enroll', body, { id });
    const outcome = await t.broker.propose(draft, stolen, t.erin.key);
    expectRefusal(outcome, 'not_found', /sponsor is not an enrolled human/);
  });

  test('mallory is put out of a group while a key of hers waits: it does not bring her back', async () => {
    const t = await team();
    await t.broker.done(change(t, t.erin, ['admin', 'approver'], ['m']), ...keys(t.erin, t.bob));
    const more = { key: stolen.jwk, fingerprint: stolen.kid };
    const waiting = change(t, t.erin, ['admin', 'approver'], ['m'], more);
    expectPending(await t.broker.propose(waiting, stolen, t.erin.key), /1 more/);
    const out = changeBody(t.erin, t.alice.id, ['admin']);
    await t.broker.done(t.broker.draft('human.enroll', out), ...keys(t.alice, t.bob));
    expectRefusal(await t.broker.sign(waiting, t.bob.key), 'conflict', OVERTAKEN);
    t.broker.now += 30 * DAY;
    expectRefusal(await t.broker.takeEffect(waiting.id), 'conflict', OVERTAKEN);
    expect(t.broker.state.humans.get(t.erin.id)).toMatchObject({ roles: ['admin'], groups: [] });
  });

  test('a key that waits does not outlive the recovery that ended the others', async () => {
    const t = await team();
    const fresh = keyOf('bob, new laptop');
    const body = { ...changeBody(t.bob, t.bob.id, ['approver']), key: stolen.jwk };
    const sign_by = instant(t.broker.now + 7 * DAY);
    const more = { ...body, fingerprint: stolen.kid };
    const waiting = t.broker.draft('human.enroll', more, { sign_by });
    await t.broker.propose(waiting, stolen, t.bob.key);
    const draft = t.broker.draft('recover', recoverBody(t.bob.id, fresh, codeOf('bob'), spare));
    await t.broker.propose(draft, fresh, codeOf('bob'), t.dave.key);
    t.broker.now += 72 * HOUR;
    expectComplete(await t.broker.takeEffect(draft.id));
    expectRefusal(await t.broker.sign(waiting, t.alice.key), 'conflict', OVERTAKEN);
    t.broker.now += 30 * DAY;
    expectRefusal(await t.broker.takeEffect(waiting.id), 'conflict', OVERTAKEN);
  });

  test('mallory takes carol’s role of approver from her', async () => {
    const t = await team();
    const draft = change(t, t.carol, ['auditor']);
    expectPending(await t.broker.propose(draft, t.erin.key), /1 more distinct human/);
    const veto = t.broker.draft('statement.reject', { statement: draft.id, reason: 'no' });
    expectComplete(await t.broker.propose(veto, t.carol.key));
  });

  test('mallory enrols a human by waiting, and nobody overlooks on whose word', async () => {
    const t = await team();
    const body = enrollBody('zoe', stolen, t.erin.id, ['approver']);
    const draft = t.broker.draft('human.enroll', body);
    await t.broker.propose(draft, stolen, t.erin.key);
    t.broker.now += 30 * DAY;
    await t.broker.takeEffect(draft.id);
    expect(t.broker.state.humans.get(draft.id)?.vouchedByOne).toBe(true);
  });

  test('two sign, and not the two that the rule of a group asks for: thirty days are one’s word', async () => {
    const t = await team();
    const body = { ...enrollBody('zoe', stolen, t.erin.id, ['approver']), groups: ['m'] };
    await t.broker.done(change(t, t.bob, ['approver'], ['m']), ...keys(t.erin, t.carol));
    await t.broker.done(rule(t, { groups: ['m'] }), t.alice.key);
    const draft = t.broker.draft('human.enroll', body);
    expectPending(await t.broker.propose(draft, stolen, ...keys(t.erin, t.carol)), /1 more/);
    t.broker.now += 30 * DAY;
    expectComplete(await t.broker.takeEffect(draft.id));
    expect(t.broker.state.humans.get(draft.id)?.vouchedByOne).toBe(true);
  });

  test('every agent’s key at hand, none becomes a human’s, and none signs', async () => {
    const t = await team();
    const as = (body: Body) => t.broker.draft('human.enroll', body);
    const enrols = as(enrollBody('zoe', t.agentKey, t.erin.id, ['approver']));
    const outcome = await t.broker.propose(enrols, t.agentKey, ...keys(t.erin, t.bob));
    expectRefusal(outcome, 'conflict', /belongs to an agent/);
    const rekeyed = t.broker.draft('agent.credential.set', {
      agent: t.agent,
      auth: agentBody('ci', t.carol.key)['auth'],
      require_dpop: false,
      reason: 'x',
    });
    expectRefusal(await t.broker.propose(rekeyed, t.erin.key), 'conflict', /human or another/);
  });

  test('whoever was ever second, the first is never alone again', async () => {
    const broker = new Deployment();
    const alice = await broker.begin('alice');
    const bob = await broker.enrol('bob', ['admin', 'approver'], [alice]);
    await broker.done(
      broker.draft('human.remove', { human: bob.id, reason: 'left' }),
      ...keys(alice, bob),
    );
    const body = changeBody(alice, alice.id, ['admin', 'approver'], ['security']);
    const draft = broker.draft('human.enroll', body);
    expectPending(await broker.propose(draft, alice.key), /1 more distinct human/);
  });
});

describe('a connection', () => {
  const stays = (t: Team) => ({ [t.production]: ['prod-1'], [t.staging]: ['stage-1'] });

  test('a change that waited does not bring back a former endpoint and its mapping', async () => {
    const t = await team();
    const old = mapped(t, { ...stays(t), [t.staging]: ['stage-1', 'stage-2'] });
    expectPending(await t.broker.propose(old, t.erin.key), /1 more/);
    const moved = { endpoint: 'new.example:5432', credential: sha256('anew') };
    await t.broker.done(mapped(t, stays(t), moved), t.alice.key);
    expectRefusal(await t.broker.sign(old, t.bob.key), 'conflict', OVERTAKEN);
    expect(t.broker.state.connections.get(t.connection)?.body).toMatchObject(moved);
  });

  test('another authority for the same endpoint, and the credential that was entered before', async () => {
    const t = await team();
    const draft = mapped(t, stays(t), { config: { tls: 'verify-full', ca: 'mallory’s' } });
    expectRefusal(await t.broker.propose(draft, t.erin.key), 'invalid_request', /entered anew/);
  });

  test('an escape that two accepted of one database is not one of another', async () => {
    const t = await team();
    const escapes = [{ object: 'f()', digest: sha256('f') }];
    const body = { connection: t.connection, escapes, reason: 'needed' };
    const accept = t.broker.draft('escape.accept', body);
    expectPending(await t.broker.propose(accept, t.alice.key), /1 more/);
    const moved = { endpoint: 'new.example:5432', credential: sha256('anew') };
    await t.broker.done(mapped(t, stays(t), moved), t.erin.key);
    expectRefusal(await t.broker.sign(accept, t.bob.key), 'conflict', OVERTAKEN);
    expect(escapesAccepted(t.broker.state, t.connection)).toEqual([]);
  });
});

describe('a catalog', () => {
  const drop = { operation: 'db:drop', resource: 'orders', environmentClass: 'staging' };

  test('an adoption that waited does not pass over what was recorded since', async () => {
    const t = await team();
    const body = { provider: 'db', digest: digestOfCatalog(CATALOG), reason: 'reviewed' };
    const effects = [{ operation: 'db:dump', effect: 'read' }];
    const draft = t.broker.draft('catalog.adopt', { ...body, effects });
    expectPending(await t.broker.propose(draft, t.erin.key), /1 more/);
    await t.broker.record(withEffects('db:drop', [{ effect: 'escalate' }]));
    expectRefusal(await t.broker.sign(draft, t.bob.key), 'conflict', OVERTAKEN);
    expect(recordedEffect(t.broker.state, drop)).toBe('escalate');
  });

  test('mallory adopts an older catalog, which said less', async () => {
    const t = await team();
    await t.broker.record(withEffects('db:drop', [{ effect: 'escalate' }]));
    const body = { provider: 'db', digest: digestOfCatalog(CATALOG), effects: [], reason: 'x' };
    const draft = t.broker.draft('catalog.adopt', body);
    expectPending(await t.broker.propose(draft, t.erin.key), /1 more distinct human/);
    expect(recordedEffect(t.broker.state, drop)).toBe('escalate');
  });
});

describe('what waits is overtaken', () => {
  test('a change of a human, by the revocation of a key of theirs', async () => {
    const t = await team();
    const waiting = change(t, t.carol, ['admin', 'approver']);
    expectPending(await t.broker.propose(waiting, t.erin.key), /1 more/);
    const revoke = t.broker.draft('key.revoke', { key: t.carol.key.kid, reason: 'stolen' });
    await t.broker.done(revoke, ...keys(t.alice, t.bob));
    expectRefusal(await t.broker.sign(waiting, t.bob.key), 'conflict', OVERTAKEN);
    expect(delayed(t.broker.state)).toEqual([]);
  });

  test('but not a new human, nor a change of another one', async () => {
    const t = await team();
    const waiting = change(t, t.carol, ['admin', 'approver']);
    expectPending(await t.broker.propose(waiting, t.erin.key), /1 more/);
    const joins = t.broker.draft('human.enroll', enrollBody('zoe', stolen, t.erin.id, ['admin']));
    expectPending(await t.broker.propose(joins, stolen, t.erin.key), /1 more/);
    await t.broker.done(change(t, t.dave, ['approver']), ...keys(t.erin, t.bob));
    await t.broker.done(
      t.broker.draft('key.revoke', { key: t.dave.key.kid, reason: 'lost' }),
      ...keys(t.alice, t.bob),
    );
    expect(delayed(t.broker.state).map(({ statement }) => statement)).toEqual([
      waiting.id,
      joins.id,
    ]);
    expectComplete(await t.broker.sign(waiting, t.bob.key));
    expectComplete(await t.broker.sign(joins, t.bob.key));
  });

  test('an adoption, by another one of the same catalogs', async () => {
    const t = await team();
    const adopt = (...effects: readonly object[]) =>
      t.broker.draft('catalog.adopt', {
        ...{ provider: 'db', digest: digestOfCatalog(CATALOG), reason: 'reviewed' },
        effects,
      });
    const waiting = adopt({ operation: 'db:drop', effect: 'write' });
    expectPending(await t.broker.propose(waiting, t.erin.key), /1 more/);
    await t.broker.done(adopt({ operation: 'db:select', effect: 'delete' }), t.alice.key);
    expectRefusal(await t.broker.sign(waiting, t.bob.key), 'conflict', OVERTAKEN);
  });

  test('the removal of a guardrail, by a change of it', async () => {
    const t = await team();
    const body = { guardrail: null, name: 'g', policy: 'forbid (a);', reason: 'x' };
    const id = await t.broker.done(t.broker.draft('guardrail.add', body), t.alice.key);
    t.broker.now += HOUR;
    const removal = t.broker.draft('guardrail.remove', { guardrail: id, reason: 'x' });
    expectPending(await t.broker.propose(removal, t.erin.key), /1 more/);
    const stricter = { ...body, guardrail: id, policy: 'forbid (b);' };
    await t.broker.done(t.broker.draft('guardrail.add', stricter), ...keys(t.alice, t.bob));
    expectRefusal(await t.broker.sign(removal, t.carol.key), 'conflict', OVERTAKEN);
  });
});

describe('a guardrail', () => {
  test('a change that waited does not take the place of a stricter one', async () => {
    const t = await team();
    const set = (guardrail: string | null, policy: string) =>
      t.broker.draft('guardrail.add', { guardrail, name: 'g', policy, reason: 'x' });
    const id = await t.broker.done(set(null, 'forbid (a);'), t.alice.key);
    t.broker.now += HOUR;
    const milder = set(id, 'forbid (b);');
    expectPending(await t.broker.propose(milder, t.erin.key), /1 more/);
    await t.broker.done(set(id, 'forbid (a); forbid (b);'), ...keys(t.alice, t.bob));
    expectRefusal(await t.broker.sign(milder, t.carol.key), 'conflict', OVERTAKEN);
  });
});
