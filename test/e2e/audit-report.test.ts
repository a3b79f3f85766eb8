/** The report of identities: what security teams read of a deployment in which people and agents did things. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { refused } from '../support/refusal.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

let deployment: Deployment;
let carol: Terminal;
let deleting: string;

const READ = ['postgres:select'];
const TABLE = 'public.bookings';

beforeAll(async () => {
  deployment = await deploy();
  carol = await openTerminal(deployment, 'carol', ['auditor']);
  const { alice, bob, cursor } = deployment;
  await deployment.grant({ operations: READ, resources: [TABLE], valid_for: 86_400 });
  await deployment.grant({ operations: READ, resources: ['public.vehicles'], valid_for: 86_400 });
  const asked = details(READ, [TABLE]);
  await exchanged(asked);
  for (let i = 0; i < 3; i += 1) {
    await expect(cursor.agent.token(details(['postgres:delete'], [TABLE]))).rejects.toMatchObject({
      code: 'needs_signature',
    });
  }
  const draft = { connection: 'pg-production', environment: 'production', max_uses: 1 };
  const { id } = await alice.propose(
    grantDraft({ ...draft, operations: ['postgres:delete'], resources: [TABLE] }),
  );
  await bob.sign(id);
  deleting = id;
});
afterAll(async () => {
  await carol.close();
  await deployment.stop();
});

async function exchanged(asked: ReturnType<typeof details>) {
  const { agent } = deployment.cursor;
  return await agent.exchange(await agent.token(asked), asked);
}

const report = (query = {}) => deployment.alice.client.call('identities', { query });

describe('the report', () => {
  test('says who can delete production now, on whose signatures, and who could sign the next', async () => {
    const { production } = await report();
    expect(production).toMatchObject([
      {
        environment: 'production',
        quorum: 2,
        grants: [
          {
            id: deleting,
            agent: 'cursor',
            connection: 'pg-production',
            status: 'active',
            delete_capable: true,
            allows: [{ effect: 'delete', operations: ['postgres:delete'], resources: [TABLE] }],
            uses_left: 1,
            used_at: null,
            signatures: [
              { name: 'alice', counts: true, vouched_by_one: false },
              { name: 'bob', counts: true, vouched_by_one: true },
            ],
          },
        ],
        coming: [],
        signers: [{ name: 'alice' }, { name: 'bob' }],
        lacking: [],
      },
    ]);
  });

  test('says what an agent holds, did, was refused, and by which credential', async () => {
    const { alice, cursor } = deployment;
    const { items, counted, next } = await report({ agent: 'cursor' });
    expect(counted.entries).toBe(counted.of);
    expect(next).toBeNull();
    expect(items).toMatchObject([
      {
        kind: 'agent',
        name: 'cursor',
        state: 'enabled',
        registered_by: alice.name,
        credentials: [{ kind: 'Ed25519', thumbprint: cursor.key.thumbprint }],
        authenticated_by: { credential: cursor.key.thumbprint },
        allowed: [
          { stage: 'exchange', count: 1 },
          { stage: 'issue', count: 1 },
        ],
        denied: [{ code: 'needs_signature' }],
        leases: [{ connection: 'pg-staging', environment: 'staging', state: 'active' }],
      },
    ]);
    const [agent] = items;
    if (agent?.kind !== 'agent') throw new Error('it is an agent');
    const used = agent.grants.filter(({ used_at: at }) => at !== null);
    expect(used.map(({ allows }) => allows[0]?.resources)).toEqual([[TABLE]]);
    expect(agent.grants).toHaveLength(3);
  });

  test('says what a human is, signed and proposed', async () => {
    const { bob } = deployment;
    const { items } = await report({ human: 'bob' });
    expect(items).toMatchObject([
      {
        kind: 'human',
        name: 'bob',
        state: 'enrolled',
        vouched_by_one: true,
        roles: ['approver'],
        keys: [{ kid: bob.key.thumbprint, type: 'passphrase', revoked_at: null, frozen: false }],
        signed: expect.arrayContaining([{ kind: 'grant.create', count: 1 }]),
        vetoed: 0,
        signed_in_by: { credential: bob.key.thumbprint },
        last_signed_at: expect.any(String),
      },
    ]);
  });

  test('comes in pages, humans first, and only the first says who can delete', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof report>> = await report({
        limit: 1,
        ...(after === null ? {} : { after }),
      });
      expect(page.production === null).toBe(after !== null);
      seen.push(...page.items.map(({ name }) => name));
      after = page.next;
    } while (after !== null);
    expect(seen).toEqual(['carol', 'bob', 'alice', 'cursor']);
  });

  test('is of one identity or of all, and a page begins where one ended', async () => {
    await refused(report({ agent: 'cursor', human: 'bob' }), 'invalid_request');
    await refused(report({ agent: 'nobody' }), 'not_found');
    await refused(report({ after: 'nowhere' }), 'invalid_request');
  });

  test('counts nothing of before the period, and still says when last', async () => {
    const { items } = await report({ agent: 'cursor', since: '2999-01-01T00:00:00.000Z' });
    expect(items).toMatchObject([{ name: 'cursor' }]);
  });

  test('shows a freeze where it holds: nobody can delete', async () => {
    const { alice } = deployment;
    const { id } = await alice.propose({
      kind: 'freeze',
      body: { target: { kind: 'environment', id: 'production' }, reason: 'a drill' },
    });
    const { production } = await report();
    expect(production).toMatchObject([{ grants: [], coming: [{ id: deleting, status: 'held' }] }]);
    await alice.propose({ kind: 'unfreeze', body: { freeze: id, reason: 'over' } });
    expect((await report()).production).toMatchObject([{ grants: [{ id: deleting }] }]);
  });
});

describe('countersign audit report', () => {
  const columns = (text: string) => Math.max(...text.split('\n').map((line) => [...line].length));

  test('is a table of 80 columns, for an auditor', async () => {
    const { stdout, status, stderr } = await carol.run(['audit', 'report']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(columns(stdout)).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^WHO CAN DELETE PRODUCTION NOW\nproduction: 1 grant$/m);
    expect(stdout).toContain('delete: postgres:delete on public.bookings');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'on the signatures of alice, bob (vouched for by one person)',
    );
    expect(stdout).toMatch(/^cursor +enabled +3 +2 +1 +2 +\d+ +\d{4}-/m);
    expect(stdout).toMatch(/^carol +auditor +enrolled +1 /m);
  });

  test.each([
    [['--agent', 'cursor'], /^agent cursor, enabled$/m],
    [['--human', 'bob'], /^human bob, enrolled, vouched for by one person$/m],
  ])('%j shows one in full', async (args, expected) => {
    const { stdout, status } = await carol.run(['audit', 'report', ...args]);
    expect(status).toBe(0);
    expect(stdout).toMatch(expected);
    expect(columns(stdout)).toBeLessThanOrEqual(80);
  });

  test('is one document with --json', async () => {
    expect(await carol.json(['audit', 'report', '--since', '7d'])).toMatchObject({
      production: [{ environment: 'production' }],
      identities: [{ name: 'carol' }, { name: 'bob' }, { name: 'alice' }, { name: 'cursor' }],
    });
  });

  test('is the same CSV from the terminal and from the route', async () => {
    const { stdout, status } = await carol.run(['audit', 'report', '--csv']);
    expect(status).toBe(0);
    const rows = stdout.split('\r\n');
    expect(rows[0]).toMatch(/^kind,name,id,state,/);
    expect(rows.slice(1, -1).map((row) => row.split(',')[1])).toEqual([
      ...['carol', 'bob', 'alice', 'cursor'],
    ]);
  });

  test.each([
    [['--since', 'yesterday'], '--since'],
    [['--since', '2026-13-45'], '--since'],
    [['--agent', 'a', '--human', 'b'], 'not of both'],
    [['--csv', '--json'], 'CSV'],
  ])('refuses %j and says what to do', async (args, word) => {
    const { status, stdout, stderr } = await carol.run(['audit', 'report', ...args]);
    expect(status).toBe(2);
    expect(stdout + stderr).toContain(word);
  });
});
