/** A restored database in the fold: what hangs on lost decisions ends, and nothing else changes. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  decodeStatement,
  grantStanding,
  describe as inWords,
  presentLine,
  restoreAccepted,
} from '../src/index.ts';
import { type Body, grantBody, permission } from './support/bodies.ts';
import { dangerousGrant, HOUR, payloadOf, type Team, team } from './support/deployment.ts';
import { sha256 } from './support/device-keys.ts';
import { expectComplete, expectPending, expectRefusal } from './support/refusal.ts';

const READ = [permission({ 'db:select': 'read' }, ['orders'])];
const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const TREE = { size: 40, root: sha256('mirror') };

let t: Team;
beforeEach(async () => {
  t = await team();
});

function restoredBody(change: Body = {}): Body {
  const { size } = t.broker.state;
  return {
    line: { number: 1, id: t.broker.newId() },
    mirror: TREE,
    database: { size: size - 2, root: sha256('database') },
    lost: { first: size - 2, last: 39 },
    replayed: 2,
    accepted: null,
    ...change,
  };
}

async function restored(change: Body = {}) {
  return await t.broker.feed('restored', restoredBody(change));
}

async function granted(body: Body): Promise<string> {
  const signers = body['pins'] === null ? [t.alice] : [t.alice, t.bob];
  const keys = signers.map(({ key }) => key);
  return await t.broker.done(t.broker.draft('grant.create', body), ...keys);
}

function standing(grant: string) {
  return grantStanding(t.broker.state, grant, t.broker.now);
}

describe('a restored database', () => {
  test.each<[string, () => Body]>([
    [
      'of limited uses, however many',
      () => ({
        ...grantBody({ ...t, environment: t.staging }, READ),
        max_uses: 1_000_000,
      }),
    ],
    ['that is delete-capable', () => dangerousGrant(t, t.production, DROP)],
    [
      'that is delete-capable, with any number of uses',
      () =>
        dangerousGrant(t, t.staging, [permission({ 'db:run': 'execute' }, ['orders'])], {
          max_uses: null,
        }),
    ],
  ])('ends a grant %s', async (_, body) => {
    const grant = await granted(body());
    expect(standing(grant)?.status).toBe('active');
    expectComplete(await restored());
    expect(standing(grant)).toMatchObject({
      status: 'revoked',
      reasons: [expect.stringMatching(/restored/)],
    });
  });

  test('leaves every other grant as it is, and what is granted afterwards', async () => {
    const ordinary = await granted(grantBody({ ...t, environment: t.staging }, READ));
    expectComplete(await restored());
    const later = await granted(dangerousGrant(t, t.production, DROP));
    expect([standing(ordinary)?.status, standing(later)?.status]).toEqual(['active', 'active']);
  });

  test('ends one that raised effects have made delete-capable', async () => {
    const grant = await granted(grantBody({ ...t, environment: t.staging }, READ));
    const body = { provider: 'db', digest: READ[0]?.['catalog'], reason: 'it reveals' };
    const effects = [{ operation: 'db:select', effect: 'reveal' }];
    await t.broker.done(t.broker.draft('catalog.adopt', { ...body, effects }), t.alice.key);
    expectComplete(await restored());
    expect(standing(grant)?.status).toBe('revoked');
  });

  test('brings nothing back that ended before it', async () => {
    const grant = await granted(dangerousGrant(t, t.production, DROP));
    const revocation = { grant, reason: 'over' };
    await t.broker.done(t.broker.draft('grant.revoke', revocation), t.bob.key);
    t.broker.now += HOUR;
    expectComplete(await restored());
    expect(standing(grant)?.reasons).toEqual(['it was revoked']);
  });

  test('goes on in the mirror under another name each time', async () => {
    expect(presentLine(t.broker.state)).toEqual({ number: 0, id: 'genesis' });
    const line = { number: 3, id: t.broker.newId() };
    expectComplete(await restored({ line }));
    expect(presentLine(t.broker.state)).toEqual(line);
    const again = { number: 4, id: line.id };
    for (const taken of [line, { ...line, number: 2 }, again]) {
      expectRefusal(await restored({ line: taken }), 'conflict', /this name/);
    }
  });

  test.each<[string, Body]>([
    ['that lost nothing', { lost: null }],
    ['that replayed more than there is', { replayed: 1_000_000 }],
    ['that lost what the database had', { lost: { first: 0, last: 39 } }],
    ['that lost less than the mirror counts', { mirror: { ...TREE, size: 41 } }],
  ])('is refused %s', async (_, change) => {
    expectRefusal(await restored(change), 'invalid_request', /lost nothing, or replayed more/);
  });

  test('is refused with a member nobody knows', async () => {
    expectRefusal(await restored({ grants: [] }), 'invalid_request', /grants/);
  });
});

describe('restore.accept', () => {
  const database = { size: 3, root: sha256('another database') };
  const body = { mirror: TREE, restored: database, reason: 'the mirror was lost' };

  test('takes two humans, admin or approver', async () => {
    const draft = t.broker.draft('restore.accept', body);
    expectRefusal(await t.broker.propose(draft, t.dave.key), 'forbidden', /no role/);
    expectPending(await t.broker.propose(draft, t.carol.key), /1 more distinct human/);
    expectRefusal(await t.broker.sign(draft, t.carol.key), 'conflict', /signed already/);
    expectComplete(await t.broker.sign(draft, t.bob.key));
  });

  test('says what is given up', async () => {
    const draft = t.broker.draft('restore.accept', body);
    const { statement } = decodeStatement(payloadOf(draft));
    const { headline, facts, warnings } = inWords(t.broker.state, statement);
    expect(headline).toMatch(/does not agree with its mirror/);
    expect(facts.find(({ label }) => label === 'mirror')?.value).toMatch(/^40 entries/);
    expect(warnings.join(' ')).toMatch(/given up for good.*lease.*void/);
  });

  test('is what a database goes on by that its mirror does not vouch for, and no other', async () => {
    const accepted = { lost: null, replayed: 0, database };
    const statement = t.broker.draft('restore.accept', body);
    const entry = { ...accepted, accepted: statement.id };
    expectRefusal(await restored(entry), 'forbidden', /No two humans/);
    expectPending(await t.broker.propose(statement, t.alice.key), /1 more/);
    expectRefusal(await restored(entry), 'forbidden', /No two humans/);
    expectComplete(await t.broker.sign(statement, t.bob.key));
    const other = { ...entry, database: { ...database, size: 4 } };
    expectRefusal(await restored(other), 'forbidden', /No two humans/);
    const beside = { ...entry, mirror: { ...TREE, root: sha256('another mirror') } };
    expectRefusal(await restored(beside), 'forbidden', /No two humans/);
    const another = { ...entry, accepted: t.alice.id };
    expectRefusal(await restored(another), 'forbidden', /No two humans/);
    expectComplete(await restored(entry));
  });

  test('is spent by the database that went on by it', async () => {
    const statement = t.broker.draft('restore.accept', body);
    await t.broker.done(statement, t.alice.key, t.bob.key);
    const everything = () => Promise.resolve(true);
    expect(await restoreAccepted(t.broker.state, TREE, everything)).toMatchObject({
      statement: statement.id,
    });
    const entry = { lost: null, replayed: 0, database, accepted: statement.id };
    expectComplete(await restored(entry));
    expect(await restoreAccepted(t.broker.state, TREE, everything)).toBeNull();
    const line = { number: 2, id: t.broker.newId() };
    expectRefusal(await restored({ ...entry, line }), 'conflict', /already/);
  });

  test('of before a restoration is no word on what comes after it', async () => {
    const statement = t.broker.draft('restore.accept', body);
    await t.broker.done(statement, t.alice.key, t.bob.key);
    expectComplete(await restored());
    const everything = () => Promise.resolve(true);
    expect(await restoreAccepted(t.broker.state, TREE, everything)).toBeNull();
    const entry = { lost: null, replayed: 0, database, accepted: statement.id };
    const line = { number: 2, id: t.broker.newId() };
    expectRefusal(await restored({ ...entry, line }), 'conflict', /already/);
  });
});
