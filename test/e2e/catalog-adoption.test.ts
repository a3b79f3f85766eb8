/**
 * What an operation can do at worst, as humans say it: raised by one at once, lowered by two, foreseen before
 * either, and explained afterwards.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { readLedger } from '../support/ledger.ts';
import { refused } from '../support/refusal.ts';
import { openSession } from '../support/session.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

const UPDATE = { operations: ['postgres:update'], resources: ['public.bookings(status)'] };
const WANTED = details(UPDATE.operations, UPDATE.resources);

let deployment: Deployment;
let carol: Terminal;

beforeAll(async () => {
  deployment = await deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  carol = await openTerminal(deployment, 'carol', ['admin', 'approver']);
});
afterAll(async () => {
  await carol.close();
  await deployment.stop();
});

async function effectOf(operation: string) {
  const { items } = await deployment.bob.client.call('catalogs', {});
  const catalog = items.find(({ provider }) => provider === 'postgres');
  const found = catalog?.operations.find(({ name }) => name === operation);
  return { own: found?.own, elsewhere: found?.elsewhere.narrowed, adopted: catalog?.adopted };
}

const raise = ['--effect', 'postgres:update=delete'];
const adopt = ['catalog', 'adopt', 'postgres'];

describe('an operation whose effect humans raise', () => {
  let grant: string;

  test('is foreseen, grant by grant, and nothing is done yet', async () => {
    const answer = await deployment.grant(UPDATE);
    grant = answer.id;
    const plain = await carol.run(['upgrade', '--plan']);
    expect([plain.status, plain.stderr]).toEqual([0, '']);
    const [head = '', catalog, ...rest] = plain.stdout.split('\n');
    expect(head).toMatch(/^this installation: \S+; the server: \S+$/);
    expect([catalog, ...rest]).toEqual([
      'postgres: recorded already; no effect changes',
      'railway: recorded already; no effect changes',
      '',
      'No grant would be touched.',
      '',
    ]);

    const raised = await carol.run(['upgrade', '--plan', '--adopt', 'postgres', ...raise]);
    expect(raised.status).toBe(1);
    expect(raised.stdout).toContain('1 grant would hold no more:');
    expect(raised.stdout).toMatch(/active +suspended +cursor +staging +pg-staging/);
    for (const line of raised.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(
      await carol.json(['upgrade', '--plan', '--adopt', 'postgres', ...raise], 1),
    ).toMatchObject({
      catalogs: ['postgres', 'railway'].map((provider) => ({
        provider,
        recorded: true,
        operations: [],
      })),
      grants: [{ grant, before: 'active', after: 'suspended', agent: 'cursor' }],
    });
    expect((await carol.run(['upgrade'])).status).toBe(2);
    expect((await carol.run(['upgrade', '--plan', ...raise])).status).toBe(2);
    expect(await effectOf('postgres:update')).toEqual({
      own: null,
      elsewhere: 'write',
      adopted: null,
    });
  });

  test('is raised by one admin, and what does not suffice any more ends at once', async () => {
    const { cursor } = deployment;
    const session = await openSession(
      await cursor.agent.exchange(await cursor.agent.token(WANTED), null),
    );
    const cut = new Promise((resolve) => session.once('end', resolve));
    const ran = await carol.run([...adopt, ...raise, '--reason', 'it overwrites']);
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toContain('Adopt the catalog of postgres: 1 operations change, 0 of them');
    expect(ran.stdout.replace(/\s+/g, ' ')).toContain('! 1 grant would hold no more: ');
    expect(ran.stdout).toContain('1 lease ended; their open sessions are cut.');
    await cut;
    await refused(cursor.agent.token(WANTED), 'grant_suspended');
    expect(await deployment.bob.client.call('grant', { params: { id: grant } })).toMatchObject({
      status: 'suspended',
      delete_capable: true,
      effect: 'delete',
    });
    const shown = await carol.run(['catalog', 'show', 'postgres']);
    expect(shown.stdout).toMatch(/^postgres:update +delete +delete +delete +/m);
    expect((await carol.run(['catalog', 'list'])).stdout).toMatch(/^postgres +\d+ +1 +\S+ +1$/m);
  });

  test('stays so when another server starts and looks at its own catalog', async () => {
    const recorded = async () =>
      (await readLedger(deployment.bob)).filter(({ type }) => type === 'catalog.recorded').length;
    const before = await recorded();
    const another = await deployment.anotherServer();
    await another.stop();
    expect(await recorded()).toBe(before);
    expect(await effectOf('postgres:update')).toMatchObject({ own: 'delete', elsewhere: 'delete' });
  });

  test('is lowered by two, and by one not at all', async () => {
    const { bob, cursor } = deployment;
    const { id, status } = await deployment.alice.propose({
      kind: 'catalog.adopt',
      body: {
        provider: 'postgres',
        effects: [{ operation: 'postgres:update', effect: null }],
        reason: 'as the catalog says',
      },
    });
    expect(status).toBe('pending');
    expect(await effectOf('postgres:update')).toMatchObject({ own: 'delete' });
    expect(await bob.sign(id)).toMatchObject({ status: 'complete' });
    expect(await effectOf('postgres:update')).toMatchObject({ own: null, elsewhere: 'write' });
    await cursor.agent.token(WANTED);
    // What is in force already is not adopted a second time.
    const again = await carol.run([...adopt, '--reason', 'again']);
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('in force already')]);
  });

  test.each([
    ['an effect there is none of', ['--effect', 'postgres:update=nothing'], 2],
    ['an operation the catalog does not know', ['--effect', 'postgres:nothing=delete'], 1],
    ['another provider', [], 1],
  ])('is refused with %s', async (what, effects, status) => {
    const provider = what === 'another provider' ? 'nobody' : 'postgres';
    const ran = await carol.run(['catalog', 'adopt', provider, ...effects, '--reason', 'x']);
    expect(ran.status, ran.stderr).toBe(status);
  });
});

describe('a delete-capable grant', () => {
  let grant: string;

  test('says who signed it, what it is bound to, and what would end it', async () => {
    const { alice, bob } = deployment;
    const { id } = await alice.propose(
      grantDraft({ operations: ['postgres:delete'], resources: ['public.bookings'], max_uses: 3 }),
    );
    grant = id;
    await bob.sign(id);
    const shown = await carol.run(['grant', 'show', id]);
    expect(shown.status, shown.stderr).toBe(0);
    const lines = shown.stdout.split('\n').map((line) => line.trim());
    expect(lines[0]).toBe('active: cursor in staging on pg-staging');
    for (const line of [
      /^uses left +3$/,
      new RegExp(`^bound to key +${deployment.cursor.key.thumbprint}$`),
      /^pins connection +\S{43}$/,
      /^alice +2026-/,
      /^bob +2026-.*, vouched for by one person$/,
      /^ends with +alice removed or frozen, their key revoked, or no$/,
      /^or +bob removed or frozen, their key revoked, or no more$/,
      /^or +another credential of cursor$/,
    ]) {
      expect(lines).toContainEqual(expect.stringMatching(line));
    }
    for (const line of shown.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('is what explain names, with everything it hangs on', async () => {
    const question = ['--agent', 'cursor', '--connection', 'pg-staging', '--env', 'staging'];
    const asked = ['explain', ...question, '--op', 'postgres:delete'];
    const ran = await carol.run([...asked, '--resource', 'public.bookings']);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain(`grant ${grant}: active, by this one`);
    expect(ran.stdout).toMatch(/ends with +alice removed or frozen/);
    expect(ran.stdout).toMatch(/\nallowed\n$/);
    const denied = await carol.json([...asked, '--resource', 'public.customers']);
    expect(denied).toMatchObject({ allowed: false });
  });

  test('is foreseen to end with whoever signed it, or with a stricter rule', async () => {
    const removed = await carol.json(['upgrade', '--plan', '--without-human', 'bob'], 1);
    expect(removed['grants']).toMatchObject([
      { grant, after: 'suspended', reasons: [expect.stringContaining('no longer suffice')] },
    ]);
    const rule = ['upgrade', '--plan', '--env', 'staging', '--quorum', '3'];
    expect((await carol.json(rule, 1))['grants']).toMatchObject([{ grant, after: 'suspended' }]);
    expect((await carol.run(['upgrade', '--plan', '--quorum', '3'])).status).toBe(2);
    const { bob } = deployment;
    expect(await bob.client.call('grant', { params: { id: grant } })).toMatchObject({
      status: 'active',
    });
    // Whoever proposes it sees the same before they sign.
    const ran = await carol.run(['human', 'remove', 'bob', '--reason', 'left']);
    expect(ran.stdout.replace(/\s+/g, ' ')).toContain('! 1 grant would hold no more:');
    expect(ran.status).toBe(4);
  });
});
