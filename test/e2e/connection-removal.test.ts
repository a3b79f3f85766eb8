/** A removed connection: its leases go with the credential that made them, and only then the credential. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { openSession } from '../support/session.ts';

const OPERATIONS = ['postgres:select'];
const RESOURCES = ['public.bookings'];
const SOON = { timeout: 40_000, interval: 200 };

let deployment: Deployment;
let own: postgres.Sql;
let target: postgres.Sql;

beforeAll(async () => {
  deployment = await deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const quiet = { max: 1, onnotice: () => undefined };
  own = postgres(deployment.databaseUrl.reveal(), quiet);
  target = postgres(deployment.playground.ownerUrl('rental_staging').reveal(), quiet);
});
afterAll(async () => {
  await Promise.all([own.end(), target.end()]);
  await deployment.stop();
});

async function leased(environment: 'staging' | 'production') {
  const where = { connection: `pg-${environment}`, environment };
  const { cursor, grant } = deployment;
  const granted = await grant({
    ...where,
    operations: OPERATIONS,
    resources: RESOURCES,
    ttl: 3600,
  });
  const token = await cursor.agent.token(details(OPERATIONS, RESOURCES, where));
  const session = await openSession(await cursor.agent.exchange(token, null));
  const cut = new Promise((resolve) => session.once('end', resolve));
  return { where, granted, token, cut };
}

async function remove(connection: string) {
  return await deployment.alice.propose({
    kind: 'connection.remove',
    body: { connection, reason: 'moved away' },
  });
}

async function stateOf(name: string): Promise<string | undefined> {
  const { items } = await deployment.bob.client.call('connections', {});
  return items.find((each) => each.name === name)?.state;
}

async function counted(query: Promise<readonly postgres.Row[]>): Promise<number> {
  return Number((await query)[0]?.['n']);
}

const sealed = () => counted(own`select count(*) as n from countersign.sealed_credentials`);
const destroyed = () =>
  counted(own`select count(*) as n from countersign.entries where type = 'connection.removed'`);
const leaseRoles = () =>
  counted(target`select count(*) as n from pg_roles where starts_with(rolname, 'csl_')`);

/** The target lets the broker in no more, or again. */
async function door(way: 'NOLOGIN' | 'LOGIN'): Promise<void> {
  await target.unsafe(`ALTER ROLE countersign_broker ${way}`);
  await target`
    select pg_terminate_backend(pid) from pg_stat_activity where usename = 'countersign_broker'`;
}

describe('a connection with a live lease is removed', () => {
  test('its target answers: the session is cut, then the credential is destroyed, once', async () => {
    const { where, granted, token, cut } = await leased('staging');
    const before = await sealed();
    const { alice, cursor } = deployment;
    expect(await remove(where.connection)).toMatchObject({
      status: 'complete',
      leases_revoked: 1,
      leases_pending: 0,
    });
    await cut;
    await expect(cursor.agent.exchange(token, null)).rejects.toMatchObject({
      code: 'unknown_connection',
    });
    await expect(cursor.agent.token(details(OPERATIONS, RESOURCES, where))).rejects.toMatchObject({
      code: 'unknown_connection',
    });
    expect((await cursor.agent.token(null)).authorizationDetails).toEqual([]);
    expect(await alice.client.call('grant', { params: { id: granted.id } })).toMatchObject({
      status: 'revoked',
      reasons: ['its connection was removed'],
    });
    await expect.poll(() => stateOf(where.connection), SOON).toBe('removed');
    expect([await sealed(), await leaseRoles(), await destroyed()]).toEqual([before - 1, 0, 1]);
    await expect(remove(where.connection)).rejects.toMatchObject({ code: 'conflict' });
  });

  test('its target does not: it stays in the list until the last lease is gone there', async () => {
    const { where } = await leased('production');
    const before = await sealed();
    await door('NOLOGIN');
    expect(await remove(where.connection)).toMatchObject({
      status: 'complete',
      leases_revoked: 0,
      leases_pending: 1,
    });
    const troubled = async () => {
      const { items } = await deployment.bob.client.call('leases', {});
      return items.filter(({ state, trouble }) => state === 'active' && trouble !== null).length;
    };
    await expect.poll(troubled, SOON).toBe(1);
    expect(await stateOf(where.connection)).toBe('removing');
    expect([await sealed(), await destroyed()]).toEqual([before, 1]);

    await door('LOGIN');
    await expect.poll(() => stateOf(where.connection), SOON).toBe('removed');
    expect([await sealed(), await leaseRoles(), await destroyed()]).toEqual([before - 1, 0, 2]);
  });

  test('another one can map what it mapped, under another name', async () => {
    const { alice, bob, playground, cursor } = deployment;
    const connection = playground.connections.find(({ name }) => name === 'pg-staging');
    if (connection === undefined) throw new Error('the playground has a staging connection');
    const { environments, ...config } = connection.config;
    const value = (await readFile(connection.secret_file, 'utf8')).trim();
    const add = (name: string) =>
      alice.propose(
        {
          kind: 'connection.set',
          body: {
            name,
            provider: 'postgres',
            config,
            environments: { staging: [...(environments['staging'] ?? [])] },
          },
        },
        { salt: randomBytes(32).toString('base64url'), value },
      );
    await expect(add('pg-staging')).rejects.toMatchObject({ code: 'conflict' });
    const answer = await add('pg-again');
    if (answer.status === 'pending') await bob.sign(answer.id);
    const where = { connection: 'pg-again', environment: 'staging' };
    await deployment.grant({ ...where, operations: OPERATIONS, resources: RESOURCES });
    const token = await cursor.agent.token(details(OPERATIONS, RESOURCES, where));
    const session = await openSession(await cursor.agent.exchange(token, null));
    await session.end();
  });
});
