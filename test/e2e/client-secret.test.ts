/** An agent with a client secret, from its registration to a login, over HTTP and on the command line. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { newKey } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { registerSecretAgent } from '../support/secret-agent.ts';
import { openSession } from '../support/session.ts';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/countersign', import.meta.url));
const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };
const DELETE = details(['postgres:delete', 'postgres:select'], ['public.bookings']);

let deployment: Deployment;
let home: string;

beforeAll(async () => {
  [deployment, home] = await Promise.all([
    deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'warn' } }),
    mkdtemp(join(tmpdir(), 'countersign-secret-')),
  ]);
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  await deployment.stop();
});

async function tokenRequest(
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
  server = deployment.broker.url,
) {
  return await fetch(`${server}/oauth/token`, {
    method: 'POST',
    headers: { ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  });
}

function basic(id: string, secret: string): { authorization: string } {
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

describe('an agent with a client secret', () => {
  test('gets tokens by Basic and by form, by name and by id, on every server', async () => {
    const etl = await registerSecretAgent(deployment, 'etl');
    const secret = etl.secret.reveal();
    expect(secret).toMatch(/^countersign_secret_[A-Za-z0-9_-]{88}$/);
    for (const { port } of deployment.replicas) {
      const server = `http://localhost:${port}`;
      for (const id of [etl.name, etl.id]) {
        for (const answer of [
          await tokenRequest({}, basic(id, secret), server),
          await tokenRequest({ client_id: id, client_secret: secret }, {}, server),
          // The same a second time: nothing of a secret is used up, and it is remembered now.
          await tokenRequest({ client_id: id }, basic(id, secret), server),
        ]) {
          expect(answer.status).toBe(200);
          expect(await answer.json()).toMatchObject({ token_type: 'Bearer' });
        }
      }
    }
  });

  test('exchanges what it was granted for a login', async () => {
    const reader = await registerSecretAgent(deployment, 'reader');
    await deployment.grant({ ...SELECT, agent: 'reader' });
    const agent = reader.as(null);
    const credential = await agent.exchange(await agent.token(null), null);
    const session = await openSession(credential);
    expect((await session.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    await session.end();
    await agent.giveBack(credential.leaseId);
  });

  test('of whom DPoP is demanded shows a key of its own making', async () => {
    const bound = await registerSecretAgent(deployment, 'bound', { requireDpop: true });
    await deployment.grant({ ...SELECT, agent: 'bound' });
    const wanted = details(SELECT.operations, SELECT.resources);
    expect((await bound.as(null).token(wanted)).key).not.toBeNull();
    const bare = await tokenRequest({
      client_id: 'bound',
      client_secret: bound.secret.reveal(),
      authorization_details: JSON.stringify(wanted),
    });
    expect(await bare.json()).toMatchObject({ code: 'sender_mismatch' });
  });

  test('deletes with the key that its request named, and humans signed for', async () => {
    const { alice, bob } = deployment;
    const sweeper = await registerSecretAgent(deployment, 'sweeper');
    const { key } = await newKey('the key of sweeper');
    const agent = sweeper.as(key);
    await expect(agent.token(DELETE)).rejects.toMatchObject({ code: 'needs_signature' });

    // Without a request nothing names a key, and a secret is none.
    const unasked = grantDraft({
      agent: 'sweeper',
      operations: ['postgres:delete'],
      resources: ['public.bookings'],
    });
    await refused(alice.propose(unasked), 'conflict');

    const asked = await agent.ask({ authorization_details: DELETE, reason: 'old rows' });
    expect(asked.sender).toBe(key.thumbprint);
    const { id } = await alice.propose({
      kind: 'grant.create',
      body: { request: asked.id, reason: 'ok' },
    });
    await bob.sign(id);
    const credential = await agent.exchange(await agent.token(DELETE), null);
    const session = await openSession(credential);
    expect((await session.query('delete from public.bookings where id = 3')).rowCount).toBe(1);
    await session.end();
  });

  test('is nobody any more once it is disabled, on every server', async () => {
    const gone = await registerSecretAgent(deployment, 'gone');
    const secret = gone.secret.reveal();
    const servers = deployment.replicas.map(({ port }) => `http://localhost:${port}`);
    for (const server of servers) {
      expect((await tokenRequest({}, basic('gone', secret), server)).status).toBe(200);
    }
    await deployment.alice.propose({
      kind: 'agent.disable',
      body: { agent: 'gone', reason: 'retired' },
    });
    for (const server of servers) {
      const answer = await tokenRequest({}, basic('gone', secret), server);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="countersign"');
      expect(await answer.json()).toMatchObject({
        error: 'invalid_client',
        code: 'agent_disabled',
      });
    }
  });

  test('is the same agent after a restart', async () => {
    const lasting = await registerSecretAgent(deployment, 'lasting');
    const { url } = await deployment.anotherServer();
    expect((await tokenRequest({}, basic('lasting', lasting.secret.reveal()), url)).status).toBe(
      200,
    );
  });
});

describe('the command line with COUNTERSIGN_AGENT_SECRET_FILE', () => {
  function run(args: readonly string[], env: Readonly<Record<string, string>>) {
    const { PATH = '' } = process.env;
    const given = { PATH, HOME: home, COUNTERSIGN_SERVER: deployment.broker.url, ...env };
    return new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
      execFile(BINARY, [...args], { env: given }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  test('gets a token, and is told when others can read the file', async () => {
    const { secret } = await registerSecretAgent(deployment, 'shell');
    await deployment.grant({ ...SELECT, agent: 'shell' });
    const file = join(home, 'shell.secret');
    await writeFile(file, `${secret.reveal()}\n`, { mode: 0o600 });
    const env = { COUNTERSIGN_AGENT: 'shell', COUNTERSIGN_AGENT_SECRET_FILE: file };
    const target = ['--connection', 'pg-staging', '--env', 'staging'];

    const token = await run(['token', ...target, '--json'], env);
    expect([token.status, token.stderr]).toEqual([0, '']);
    expect(JSON.parse(token.stdout)).toMatchObject({ token_type: 'DPoP' });
    const login = await run(['exec', ...target, '--', 'sh', '-c', 'echo "$PGUSER"'], env);
    expect(login.stdout).toMatch(/^csl_/);

    await chmod(file, 0o644);
    expect((await run(['token', ...target], env)).stderr).toContain('others can read');
  });

  test('registers one, says its secret once, and keeps it nowhere', async () => {
    const { alice, bob } = deployment;
    const { code } = await alice.client.call('invite', {
      body: { name: 'carol', roles: ['admin'], groups: [] },
    });
    const passphrase = join(home, 'passphrase');
    await writeFile(passphrase, 'a passphrase nobody prints\n', { mode: 0o600 });
    const env = {
      COUNTERSIGN_HOME: join(home, 'profiles'),
      COUNTERSIGN_PASSPHRASE_FILE: passphrase,
    };
    const joined = await run(['human', 'join', code, '--name', 'carol', '--json'], env);
    const { human } = JSON.parse(joined.stdout);
    for (const sponsor of [alice, bob]) await sponsor.sign(human);

    const added = await run(['agent', 'add', 'typed', '--auth', 'secret'], env);
    expect(added.status, added.stderr).toBe(0);
    const [, secret = ''] =
      /^client secret: (countersign_secret_\S{88})$/m.exec(added.stdout) ?? [];
    expect((await tokenRequest({}, basic('typed', secret))).status).toBe(200);
    expect(added.stderr).toMatch(/not shown again.*COUNTERSIGN_AGENT_SECRET_FILE/s);
    expect(added.stderr).not.toContain(secret);

    const json = await run(['agent', 'add', 'scripted', '--auth', 'secret', '--json'], env);
    const document = JSON.parse(json.stdout);
    expect(document).toMatchObject({ kind: 'agent.register', status: 'complete' });
    expect((await tokenRequest({}, basic('scripted', document.client_secret))).status).toBe(200);

    // The name is taken: refused, so the secret that was drafted is worth nothing and not shown.
    const again = await run(['agent', 'add', 'typed', '--auth', 'secret'], env);
    expect(again.status).toBe(1);
    expect(again.stdout + again.stderr).not.toContain('countersign_secret_');

    const kept = await run(['agent', 'list', '--json'], env);
    const typed = JSON.parse(kept.stdout).agents.find(
      ({ name }: { name: string }) => name === 'typed',
    );
    expect(typed).toMatchObject({ auth_method: 'client_secret' });
    expect(kept.stdout).not.toContain('countersign_secret_');
  });

  test.each([
    ['a file that is not there', null, 'cannot be read'],
    ['an empty file', '', 'holds no client secret'],
    ['two lines', 'one\ntwo\n', 'holds no client secret'],
  ])('names %s as the mistake', async (_, text, words) => {
    const file = join(home, `wrong-${words.length}-${text?.length ?? 'none'}`);
    if (text !== null) await writeFile(file, text, { mode: 0o600 });
    const env = { COUNTERSIGN_AGENT: 'shell', COUNTERSIGN_AGENT_SECRET_FILE: file };
    const { status, stderr } = await run(['token'], env);
    expect(status).toBe(2);
    expect(stderr).toContain(words);
  });
});
