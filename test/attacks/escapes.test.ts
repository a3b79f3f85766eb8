/** Ways around a lease's rights that the target leaves open: nothing goes out until humans closed them. */
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { codeOf, refused } from '../support/refusal.ts';
import { openSession } from '../support/session.ts';

const RIGHTS = { operations: ['postgres:select'], resources: ['public.bookings'] };
const ASKED = details(RIGHTS.operations, RIGHTS.resources);
const PURGE = `create or replace function public.purge() returns void language sql security definer
  as 'delete from public.bookings'`;

let deployment: Deployment;
let target: postgres.Sql;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  target = postgres(deployment.playground.ownerUrl('rental_staging').reveal(), {
    max: 1,
    onnotice: () => undefined,
  });
});
afterAll(async () => {
  await target.end();
  await deployment.stop();
});

async function check() {
  const { client } = deployment.alice;
  const connections = (await client.call('connections', { query: {} })).items;
  const id = connections.find(({ name }) => name === 'pg-staging')?.id ?? '';
  return await client.call('checkConnection', { params: { id } });
}

async function leaseRoles(): Promise<number> {
  return (await target`select from pg_roles where starts_with(rolname, 'csl_')`).length;
}

describe('a database that leaves a way around', () => {
  test('a playground leaves none', async () => {
    expect((await check()).escapes).toEqual([]);
  });

  test('a SECURITY DEFINER function that PUBLIC may execute suspends a lease that may only select', async () => {
    const { alice, cursor, grant } = deployment;
    await grant(RIGHTS);
    const token = await cursor.agent.token(ASKED);
    await target.unsafe(`${PURGE}; grant execute on function public.purge() to public`);
    const denial = await cursor.agent.exchange(token, null).then(
      () => null,
      (error: unknown) => error,
    );
    expect(denial).toMatchObject({ code: 'grant_suspended', status: 400 });
    expect(denial).toMatchObject({
      message: expect.stringContaining('countersign connection check pg-staging'),
    });
    expect(JSON.stringify(denial)).not.toContain('purge');
    expect(await leaseRoles()).toBe(0);

    const { items } = await alice.client.call('auditEntries', { query: { limit: 10 } });
    const entry = items.find(({ body }) => JSON.stringify(body).includes('grant_suspended'));
    expect(JSON.stringify(entry?.body)).toContain('function public.purge()');

    const [found] = (await check()).escapes;
    expect(found).toMatchObject({ object: 'function public.purge()', accepted: false });
    await target.unsafe(found?.remedy ?? '');
    const session = await openSession(await cursor.agent.exchange(token, null));
    await expect(session.query('select public.purge()')).rejects.toMatchObject({ code: '42501' });
    await session.end();
  });

  test('two humans accept it as it is, and what it becomes is another', async () => {
    const { alice, bob, cursor } = deployment;
    await target.unsafe(`${PURGE}; grant execute on function public.purge() to public`);
    const token = await cursor.agent.token(ASKED);
    const { id } = await alice.propose({
      kind: 'escape.accept',
      body: {
        connection: 'pg-staging',
        objects: ['function public.purge()'],
        reason: 'it is how bookings are emptied',
      },
    });
    await refused(cursor.agent.exchange(token, null), 'grant_suspended');
    await bob.sign(id);
    await cursor.agent.exchange(token, null);
    expect((await check()).escapes).toMatchObject([{ accepted: true }]);
    await target.unsafe(PURGE.replace('public.bookings', 'public.customers'));
    await refused(cursor.agent.exchange(token, null), 'grant_suspended');
    expect((await check()).escapes).toMatchObject([{ accepted: false }]);
    await target.unsafe('drop function public.purge()');
  });

  test('a use comes back, since nothing was made', async () => {
    const { alice, bob, cursor } = deployment;
    const DELETE = { operations: ['postgres:delete'], resources: ['public.bookings'] };
    const { id } = await alice.propose(grantDraft({ ...DELETE, max_uses: 1 }));
    await bob.sign(id);
    await target.unsafe(
      'create table public.receipts (booking bigint references public.bookings on delete cascade)',
    );
    const token = await cursor.agent.token(details(DELETE.operations, DELETE.resources));
    await refused(cursor.agent.exchange(token, null), 'grant_suspended');
    expect(await alice.client.call('grant', { params: { id } })).toMatchObject({ used: 0 });
    // A lease that deletes nothing is not concerned.
    expect(await codeOfExchange()).toBe('ok');
    await target.unsafe('drop table public.receipts');
    const session = await openSession(await cursor.agent.exchange(token, null));
    await session.query('delete from public.bookings');
    await session.end();
  });
});

async function codeOfExchange(): Promise<string> {
  const { agent } = deployment.cursor;
  const token = await agent.token(ASKED);
  return await agent.exchange(token, null).then(
    () => 'ok',
    async (error: unknown) => await codeOf(Promise.reject(error)),
  );
}
