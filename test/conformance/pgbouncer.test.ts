/**
 * PgBouncer in front of a target: what of a lease still holds, as docs/how-to/connect-postgresql.md says. The
 * broker speaks to PostgreSQL itself; agents come through the pooler.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Deployment, deploy } from '../support/deployment.ts';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.ts';

const MODES = ['session', 'transaction'] as const;
const Lease = z.object({ database: z.string(), username: z.string(), password: z.string() });

let deployment: Deployment;
const poolers = new Map<string, PgBouncer>();

beforeAll(async () => {
  if (!hasPgBouncer) return;
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const owner = deployment.playground.ownerUrl('postgres').reveal();
  for (const mode of MODES) poolers.set(mode, await startPgBouncer(owner, mode));
});
afterAll(async () => {
  for (const pooler of poolers.values()) await pooler.stop();
  await deployment?.stop();
});

function portOf(mode: string): number {
  return poolers.get(mode)?.port ?? 0;
}

async function leased() {
  const grant = await deployment.grant({
    operations: ['postgres:select'],
    resources: ['public.bookings'],
  });
  const { agent } = deployment.cursor;
  const credential = await agent.exchange(await agent.token(null), null);
  const { username: user, ...rest } = Lease.parse(credential.reveal());
  return { grant: grant.id, leaseId: credential.leaseId, login: { ...rest, user } };
}

async function through(mode: string, login: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...login, host: '127.0.0.1', port: portOf(mode) });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Sessions of a lease's role at PostgreSQL itself, PgBouncer's idle ones included. */
async function sessionsOf(user: string): Promise<number> {
  const sql = postgres(deployment.playground.ownerUrl('postgres').reveal(), { max: 1 });
  try {
    const [row] =
      await sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = ${user}`;
    return z.object({ n: z.number() }).parse(row).n;
  } finally {
    await sql.end();
  }
}

describe.skipIf(!hasPgBouncer).each(MODES)('agents behind PgBouncer, pool_mode %s', (mode) => {
  test('use a lease as narrow as it is', async () => {
    const { login } = await leased();
    const client = await through(mode, login);
    const { rows } = await client.query(
      'SELECT current_user AS me, count(*) > 0 AS some FROM public.bookings',
    );
    expect(rows).toEqual([{ me: login.user, some: true }]);
    await expect(client.query('DELETE FROM public.bookings')).rejects.toThrow(/permission denied/);
    await expect(client.query('SELECT * FROM public.customers')).rejects.toThrow(
      /permission denied/,
    );
    await expect(client.query('SELECT * FROM bookings')).rejects.toThrow(/does not exist/);
    await client.end();
  });

  test('lose their sessions with the lease, the pooled ones too, and get no new one', async () => {
    const { leaseId, login } = await leased();
    const open = await through(mode, login);
    await open.query('SELECT 1');
    const left = await through(mode, login);
    await left.query('SELECT 1');
    // What this client leaves behind stays open at the server, in the pool.
    await left.end();
    expect(await sessionsOf(login.user)).toBeGreaterThan(0);
    await deployment.cursor.agent.giveBack(leaseId);
    expect(await sessionsOf(login.user)).toBe(0);
    await expect(open.query('SELECT count(*) FROM public.bookings')).rejects.toThrow();
    await open.end().catch(() => undefined);
    const again = through(mode, login).then((client) =>
      client.query('SELECT count(*) FROM public.bookings').finally(() => client.end()),
    );
    await expect(again).rejects.toThrow();
    expect(await sessionsOf(login.user)).toBe(0);
  });

  test('hold no more server sessions than the lease may', async () => {
    const { login } = await leased();
    const clients = await Promise.all(Array.from({ length: 8 }, () => through(mode, login)));
    await Promise.all(clients.map((client) => client.query('SELECT 1')));
    expect(await sessionsOf(login.user)).toBeLessThanOrEqual(8);
    await Promise.all(clients.map((client) => client.end()));
  });

  test('with start-up options are refused by PgBouncer, not widened', async () => {
    const { login } = await leased();
    await expect(
      through(mode, { ...login, options: '-c role=countersign_broker' }),
    ).rejects.toThrow(/unsupported startup parameter/);
  });
});

describe.skipIf(!hasPgBouncer).each(MODES)('a connection to PgBouncer, pool_mode %s', (mode) => {
  test('is the same database under another address, and is refused', async () => {
    const [pgStaging] = deployment.playground.connections;
    if (pgStaging === undefined) throw new Error('the playground has a connection');
    const { environments: _, ...config } = pgStaging.config;
    const port = portOf(mode);
    const id = `127.0.0.1:${port}/${config.database}`;
    const attempt = deployment.alice.propose(
      {
        kind: 'connection.set',
        body: {
          name: `pooled-${mode}`,
          provider: 'postgres',
          config: { ...config, port },
          environments: { production: [id] },
        },
      },
      {
        salt: randomBytes(32).toString('base64url'),
        value: (await readFile(pgStaging.secret_file, 'utf8')).trim(),
      },
    );
    await expect(attempt).rejects.toMatchObject({ code: 'conflict' });
  });
});
