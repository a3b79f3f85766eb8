/**
 * What an exchange hands out, in the hands of real PostgreSQL clients: each works as it does with any login,
 * and nothing a client may say at its start makes a lease wider or longer.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Deployment, deploy } from '../support/deployment.ts';
import { pythonWith } from '../support/python.ts';

const run = promisify(execFile);
const python = await pythonWith('psycopg[binary]==3.3.6');
const psql = await run('psql', ['--version']).then(
  () => true,
  () => false,
);
const Lease = z.object({
  host: z.string(),
  port: z.number(),
  database: z.string(),
  username: z.string(),
  password: z.string(),
});

let deployment: Deployment;
let lease: z.infer<typeof Lease>;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  await deployment.grant({ operations: ['postgres:select'], resources: ['public.bookings'] });
  const { agent } = deployment.cursor;
  lease = Lease.parse((await agent.exchange(await agent.token(null), null)).reveal());
});
afterAll(() => deployment?.stop());

function config(options: pg.ClientConfig = {}): pg.ClientConfig {
  const { username: user, ...rest } = lease;
  return { ...rest, user, ...options };
}

async function withPg<T>(options: pg.ClientConfig, work: (client: pg.Client) => Promise<T>) {
  const client = new pg.Client(config(options));
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What every session of a lease may do, and what none may. */
async function expectNarrow(query: (sql: string) => Promise<unknown>): Promise<void> {
  await query('SELECT count(*) FROM public.bookings');
  for (const beyond of [
    'SELECT * FROM public.customers',
    'DELETE FROM public.bookings',
    'UPDATE public.bookings SET id = id',
    'CREATE TABLE public.mine ()',
    'SET ROLE countersign_broker',
    'SET SESSION AUTHORIZATION countersign_broker',
    "COPY public.bookings TO PROGRAM 'true'",
  ]) {
    await expect(query(beyond), beyond).rejects.toThrow(/permission denied|must be|row is too/);
  }
}

describe('pg', () => {
  test('simple and extended queries, named statements, arrays of rows', async () => {
    await withPg({}, async (client) => {
      await expectNarrow((sql) => client.query(sql));
      await expectNarrow((sql) => client.query({ text: sql, values: [] }));
      for (let i = 0; i < 7; i += 1) {
        const text = 'SELECT id FROM public.bookings ORDER BY id LIMIT $1';
        const { rows } = await client.query({ name: 'named', text, values: [1], rowMode: 'array' });
        expect(rows).toHaveLength(1);
      }
    });
  });

  test('several statements in one message are one refusal', async () => {
    await withPg({}, async (client) => {
      const both = 'SELECT 1; DELETE FROM public.bookings';
      await expect(client.query(both)).rejects.toThrow(/permission denied/);
    });
  });

  test('a cursor read in portions, and held open', async () => {
    await withPg({}, async (client) => {
      await client.query('BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM public.bookings');
      expect((await client.query('FETCH 2 FROM c')).rows).toHaveLength(2);
      await client.query('COMMIT');
      expect((await client.query('FETCH 1 FROM c')).rows).toHaveLength(1);
    });
  });

  test.each<[string, pg.ClientConfig]>([
    ['an application name', { application_name: 'an agent' }],
    ['a search path', { options: '-c search_path=public,pg_catalog' }],
    ['a role', { options: '-c role=countersign_broker' }],
    ['a session authorization', { options: '-c session_authorization=countersign_broker' }],
    ['no timeouts', { options: '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0' }],
    ['row security off', { options: '-c row_security=off' }],
    [
      'replication',
      {
        options: '-c default_transaction_read_only=off',
        replication: 'database',
      } as pg.ClientConfig,
    ],
    ['superuser settings', { options: '-c session_replication_role=replica' }],
    ['preloaded libraries', { options: '-c session_preload_libraries=x' }],
    ['hostile text', { options: "-c application_name='; DROP TABLE bookings" }],
  ])('with %s at its start is no wider', async (_, options) => {
    // Refused at the start, or a session like any other.
    await withPg(options, async (client) => {
      const { rows } = await client.query('SELECT current_user AS me, session_user AS came');
      expect(rows).toEqual([{ me: lease.username, came: lease.username }]);
      await expectNarrow((sql) => client.query(sql));
    }).catch((error: unknown) => {
      expect(String(error)).toMatch(
        /permission denied|must be|invalid|requires a value|could not access/,
      );
    });
  });

  test('another database of the cluster is closed', async () => {
    await expect(
      withPg({ database: 'rental_production' }, (client) => client.query('SELECT 1')),
    ).rejects.toThrow(/permission denied for database|no pg_hba/);
  });
});

describe('a client like pgjdbc', () => {
  test('portals of a fetch size, statements named after five executions, its start-up settings', async () => {
    const startup =
      '-c extra_float_digits=3 -c DateStyle=ISO -c TimeZone=UTC -c client_encoding=UTF8';
    await withPg(
      { options: startup, application_name: 'PostgreSQL JDBC Driver' },
      async (client) => {
        await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY');
        await client.query('SET extra_float_digits = 3');
        const text = 'SELECT id FROM public.bookings ORDER BY id';
        for (let execution = 1; execution <= 7; execution += 1) {
          await client.query('BEGIN READ ONLY');
          // setFetchSize(2): Execute asks for two rows at a time from one portal.
          const portioned = execution > 5 ? { name: 'S_1', text, rows: 2 } : { text, rows: 2 };
          expect((await client.query(portioned)).rows.length).toBeGreaterThan(2);
          await client.query('COMMIT');
        }
        await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE');
        await expectNarrow((sql) => client.query({ text: sql, values: [] }));
      },
    );
  });
});

describe('postgres.js', () => {
  test('pipelines, cursors, COPY, prepared or not', async () => {
    for (const prepare of [true, false]) {
      const sql = postgres({ ...lease, max: 2, prepare, onnotice: () => undefined });
      try {
        const piped = await Promise.all(
          Array.from({ length: 40 }, () => sql`SELECT id FROM public.bookings`),
        );
        expect(new Set(piped.map((rows) => rows.length)).size).toBe(1);
        let read = 0;
        for await (const rows of sql`SELECT id FROM public.bookings`.cursor(2)) read += rows.length;
        expect(read).toBe(piped[0]?.length);
        const copied = await sql`COPY public.bookings (id) TO STDOUT`.readable();
        let bytes = 0;
        for await (const chunk of copied) bytes += Buffer.from(chunk).length;
        expect(bytes).toBeGreaterThan(0);
        await expectNarrow((text) => sql.unsafe(text));
      } finally {
        await sql.end();
      }
    }
  });
});

describe('libpq', () => {
  const environment = () => ({
    PATH: process.env['PATH'] ?? '',
    PGHOST: lease.host,
    PGPORT: String(lease.port),
    PGDATABASE: lease.database,
    PGUSER: lease.username,
    PGPASSWORD: lease.password,
    PGSSLMODE: 'disable',
  });

  test.skipIf(!psql)('psql queries, copies and describes', async () => {
    const script = [
      'SELECT count(*) > 0 FROM public.bookings',
      '\\copy (SELECT id FROM public.bookings) TO /dev/null',
      '\\d public.bookings',
    ];
    const { stdout } = await run(
      'psql',
      ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...script.flatMap((line) => ['-c', line])],
      { env: environment() },
    );
    expect(stdout).toMatch(/^t\nCOPY \d+\n/);
    const beyond = run('psql', ['-X', '-c', 'DELETE FROM public.bookings'], { env: environment() });
    await expect(beyond).rejects.toThrow(/permission denied/);
  });

  test.skipIf(python.missing !== null)(
    'psycopg: server-side cursors, pipelines, COPY',
    async () => {
      const program = [
        'import psycopg',
        'with psycopg.connect() as c:',
        '    for _ in range(7): c.execute("SELECT id FROM public.bookings WHERE id IS NOT NULL", prepare=True).fetchall()',
        '    with c.cursor(name="s") as s:',
        '        s.execute("SELECT id FROM public.bookings"); print(len(s.fetchmany(2)))',
        '    with c.cursor().copy("COPY public.bookings (id) TO STDOUT") as copy: print(len(b"".join(copy)) > 0)',
        '    with c.pipeline(): print(len([c.execute("SELECT 1") for _ in range(20)]))',
        'try:',
        '    with psycopg.connect() as c: c.execute("DELETE FROM public.bookings")',
        'except psycopg.errors.InsufficientPrivilege: print("refused")',
      ].join('\n');
      const { stdout } = await run(python.program('python') ?? '', ['-c', program], {
        env: environment(),
      });
      expect(stdout.trim().split('\n')).toEqual(['2', 'True', '20', 'refused']);
    },
  );
});
