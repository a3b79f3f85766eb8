/** Every secret the test knows, searched for everywhere it must not be. */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import { newKey } from '../support/people.ts';
import { codeOf } from '../support/refusal.ts';
import { draftSecretAgent, registerSecretAgent } from '../support/secret-agent.ts';

const RIGHTS = ['postgres:select'];
const TABLES = ['public.bookings'];

let deployment: Deployment;
/** By what it is. */
const secrets = new Map<string, string>();

function privatePart(jwk: { reveal(): string }): string {
  return String(JSON.parse(jwk.reveal()).d);
}

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'debug' } });
  const { alice, bob, cursor, playground, dataDir, grant, broker } = deployment;
  await grant({ operations: RIGHTS, resources: TABLES });
  const token = await cursor.agent.token(details(RIGHTS, TABLES));
  const credential = await cursor.agent.exchange(token, null);
  const { code } = await alice.client.call('invite', {
    body: { name: 'dora', roles: ['approver'], groups: [] },
  });
  const etl = await registerSecretAgent(deployment, 'etl');
  await etl.as(null).token(null);
  const never = await draftSecretAgent(alice, 'never');
  const pair = `etl:${etl.secret.reveal()}`;
  secrets.set('a client secret', etl.secret.reveal());
  secrets.set('what is random of it', etl.secret.reveal().slice(-88, -46));
  secrets.set('a client secret in a Basic header', Buffer.from(pair).toString('base64'));
  secrets.set('a client secret nobody signed for', never.secret.reveal());
  secrets.set("alice's device key", privatePart(alice.privateJwk));
  secrets.set("bob's device key", privatePart(bob.privateJwk));
  secrets.set("the agent's key", privatePart(cursor.privateJwk));
  secrets.set('the access token', token.token.reveal());
  secrets.set('the password of a lease', String(credential.reveal()['password']));
  secrets.set('the invitation code', code);
  secrets.set('the genesis code', broker.genesisCode ?? 'none');
  secrets.set('the KEK', readFileSync(join(dataDir, 'kek'), 'utf8').trim());
  const [connection] = playground.connections;
  secrets.set(
    "the connection's root credential",
    readFileSync(connection?.secret_file ?? '', 'utf8').trim(),
  );
  secrets.set("the database's password", new URL(deployment.databaseUrl.reveal()).password);
  // What goes wrong is where things leak: a wrong key, a bad body, a table that is not there.
  const stranger = await newKey('stranger');
  await fetch(`${broker.url}/oauth/token`, {
    method: 'POST',
    body: `client_assertion=${stranger.privateJwk.reveal()}`,
  });
  for (const given of [pair, `${pair}:`, `nobody:${never.secret.reveal()}`, `etl:${pair}`]) {
    await fetch(`${broker.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(given).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'x' }),
    });
  }
  await fetch(`${broker.url}/v1/me?token=${token.token.reveal()}`, {
    headers: { authorization: `Bearer ${token.token.reveal()}` },
  });
  await grant({ operations: RIGHTS, resources: ['public.no_such_table'] });
  const missing = await cursor.agent.token(details(RIGHTS, ['public.no_such_table']));
  expect(await codeOf(cursor.agent.exchange(missing, null))).toBe('provider_refused');
});
afterAll(async () => {
  await deployment.stop();
});

function leaksIn(text: string): string[] {
  return [...secrets].filter(([, secret]) => text.includes(secret)).map(([what]) => what);
}

describe('secrets', () => {
  test('are known to this test', () => {
    for (const [what, secret] of secrets) expect([what, secret.length > 10]).toEqual([what, true]);
    expect(leaksIn([...secrets.values()].join(' '))).toHaveLength(secrets.size);
  });

  test('are in no log of the server', () => {
    // The one line on stdout that hands the genesis code to whoever started the server is its purpose.
    const output = deployment.broker.output().replace(/^Genesis code: .*$/m, '');
    expect(output).toContain('"request"');
    expect(leaksIn(output)).toEqual([]);
  });

  test('are not in the ledger', async () => {
    let text = '';
    for await (const line of deployment.alice.client.exportLines({ authority: false }))
      text += line;
    expect(text).toContain('"decision"');
    expect(leaksIn(text)).toEqual([]);
  });

  test('are in no metric', async () => {
    const text = await (await fetch(`${deployment.broker.url}/metrics`)).text();
    expect(text).toContain('countersign_');
    expect(leaksIn(text)).toEqual([]);
  });

  test('are in no answer but the one that hands them out', async () => {
    const { alice, cursor } = deployment;
    for (const route of [
      'agents',
      'connections',
      'grants',
      'humans',
      'leases',
      'statements',
    ] as const) {
      const text = JSON.stringify(await alice.client.call(route, {}));
      expect([route, text.length > 10, leaksIn(text)]).toEqual([route, true, []]);
    }
    expect(leaksIn(JSON.stringify(await cursor.agent.me()))).toEqual([]);
  });

  test('are in no table of the database, readable or encoded', async () => {
    const sql = postgres(deployment.databaseUrl.reveal(), { max: 1, onnotice: () => undefined });
    try {
      const tables = await sql<{ name: string }[]>`
        select format('%I.%I', schemaname, tablename) as name
        from pg_tables where schemaname = 'countersign'`;
      expect(tables.length).toBeGreaterThan(8);
      for (const { name } of tables) {
        const rows = await sql.unsafe(`select t::text as row from ${name} t`);
        const text = rows.map((row) => String(row['row'])).join('\n');
        const decoded = text.replace(/\\\\x([0-9a-f]+)/g, (_, hex: string) =>
          Buffer.from(hex, 'hex').toString('latin1'),
        );
        expect([name, leaksIn(text), leaksIn(decoded)]).toEqual([name, [], []]);
      }
    } finally {
      await sql.end();
    }
  });

  test('are in no argument of any process, and in no environment of PostgreSQL', () => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const read = (file: string): string => {
        try {
          return readFileSync(`/proc/${pid}/${file}`, 'utf8');
        } catch {
          return '';
        }
      };
      const command = read('cmdline');
      expect([command, leaksIn(command)]).toEqual([command, []]);
      if (command.includes('postgres')) expect(leaksIn(read('environ'))).toEqual([]);
    }
  });

  test('are not to be had through a debugger that a signal opens', () => {
    const { pid } = deployment.broker.process;
    // Node's own handler of SIGUSR1 listens for whoever comes, without asking who it is.
    const [, caught = ''] =
      /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    const handled = BigInt(`0x${caught}`);
    expect(handled & (1n << BigInt(constants.signals.SIGTERM - 1))).not.toBe(0n);
    expect(handled & (1n << BigInt(constants.signals.SIGUSR1 - 1))).toBe(0n);
  });

  test("are not in PostgreSQL's logs", () => {
    for (const log of ['playground/postgres.log', 'postgres/postgres.log']) {
      const text = readFileSync(join(deployment.dataDir, '..', log), 'utf8');
      expect(text.length).toBeGreaterThan(0);
      expect([log, leaksIn(text)]).toEqual([log, []]);
    }
  });
});
