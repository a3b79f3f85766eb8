/**
 * A connection changed: its root credential rotated, its account replaced, its id moved. What was made before
 * is taken back where it was made, and the former credential is destroyed after it.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DraftRequest, StatementOf } from '@countersign/contract';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deploy, details, grantDraft } from '../support/deployment.ts';
import { type DraftWithoutId, envelopeOf, newId } from '../support/people.ts';
import { refused } from '../support/refusal.ts';
import { openSession } from '../support/session.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

const SELECT = { operations: ['postgres:select'], resources: ['public.bookings'] };
const SOON = { timeout: 40_000, interval: 200 };

let deployment: Deployment;
let carol: Terminal;
let own: postgres.Sql;
let target: postgres.Sql;

beforeAll(async () => {
  deployment = await deploy({ replicas: 2, env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  carol = await openTerminal(deployment, 'carol', ['admin', 'approver']);
  const quiet = { max: 1, onnotice: () => undefined };
  own = postgres(deployment.databaseUrl.reveal(), quiet);
  target = postgres(deployment.playground.ownerUrl('rental_staging').reveal(), quiet);
  await deployment.grant({ ...SELECT, ttl: 3600 });
});
afterAll(async () => {
  await Promise.all([own.end(), target.end(), carol.close()]);
  await deployment.stop();
});

const change = (
  body: Extract<DraftRequest, { kind: 'connection.set' }>['body'],
): DraftWithoutId => ({
  kind: 'connection.set',
  body,
});
const beside = (value: string) => ({ salt: randomBytes(32).toString('base64url'), value });

async function counted(query: Promise<readonly postgres.Row[]>): Promise<number> {
  return Number((await query)[0]?.['n']);
}
const sealed = () => counted(own`select count(*) as n from countersign.sealed_credentials`);
const destroyed = () =>
  counted(own`select count(*) as n from countersign.entries where type = 'credential.destroyed'`);
const leaseRoles = () =>
  counted(target`select count(*) as n from pg_roles where starts_with(rolname, 'csl_')`);

async function connectionNamed(name: string) {
  const { items } = await deployment.bob.client.call('connections', {});
  const found = items.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no connection ${name}`);
  return found;
}

async function leased() {
  const { agent } = deployment.cursor;
  const credential = await agent.exchange(
    await agent.token(details(SELECT.operations, SELECT.resources)),
    null,
  );
  return { credential, session: await openSession(credential) };
}

/** The target takes another password from the broker's role from now on. */
async function setPassword(password: string, role = 'countersign_broker'): Promise<void> {
  await target.unsafe(`ALTER ROLE ${role} PASSWORD '${password}'`);
}

describe('a root credential is rotated', () => {
  test('by one admin, tried first, and nothing that works is interrupted', async () => {
    const { session, credential } = await leased();
    const before = await sealed();
    await setPassword('the next password');
    const rotate = ['connection', 'rotate', 'pg-staging', '--secret-stdin'];
    const wrong = await carol.run(rotate, 'another password\n');
    expect([wrong.status, wrong.stdout]).toEqual([1, '']);
    expect(wrong.stderr).not.toContain('another password');
    expect(await sealed()).toBe(before);

    const ran = await carol.run(rotate, 'the next password\n');
    expect(ran.status, ran.stderr).toBe(0);
    const lines = ran.stdout.split('\n').map((line) => line.trim());
    expect(lines[0]).toMatch(/^Change the connection pg-staging: postgres at /);
    expect(lines).toContain('credential       another one');
    expect(lines).toContain('next: countersign connection check pg-staging');

    // The session of before goes on, a new one begins, and both are given back.
    expect((await session.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    const next = await leased();
    for (const each of [credential, next.credential]) {
      await deployment.cursor.agent.giveBack(each.leaseId);
    }
    expect(await leaseRoles()).toBe(0);
    await expect.poll(destroyed, SOON).toBe(1);
    expect(await sealed()).toBe(before);
    expect(await connectionNamed('pg-staging')).toMatchObject({ former_credentials: 0 });
  });

  test('with a credential for another account, and what the former one made goes with the former', async () => {
    await target.unsafe(`
      CREATE ROLE second_broker LOGIN CREATEROLE PASSWORD 'of the second';
      GRANT countersign_broker TO second_broker WITH INHERIT TRUE;
      GRANT rental_owner TO second_broker WITH ADMIN TRUE, INHERIT TRUE, SET TRUE;
      GRANT pg_signal_backend TO second_broker WITH INHERIT TRUE, SET FALSE;
      GRANT CONNECT ON DATABASE rental_staging TO second_broker WITH GRANT OPTION`);
    const { credential, session } = await leased();
    const cut = new Promise((resolve) => session.once('end', resolve));
    const before = await sealed();
    const { config } = await connectionNamed('pg-staging');
    await writeFile(
      join(carol.home, 'second.json'),
      JSON.stringify({ ...config, username: 'second_broker' }),
    );
    const set = ['connection', 'set', 'pg-staging', '--config', 'second.json'];
    expect((await carol.run(set)).status).toBe(2);
    const ran = await carol.run([...set, '--secret-stdin'], 'of the second\n');
    expect(ran.status, ran.stderr).toBe(0);
    expect(await connectionNamed('pg-staging')).toMatchObject({
      account: 'second_broker',
      former_credentials: 1,
    });
    expect([await sealed(), await destroyed(), await leaseRoles()]).toEqual([before + 1, 1, 1]);
    const shown = await carol.run(['connection', 'show', 'pg-staging']);
    expect(shown.stdout).toContain('former credentials  1, kept until');

    await deployment.cursor.agent.giveBack(credential.leaseId);
    await cut;
    await expect.poll(destroyed, SOON).toBe(2);
    expect([await sealed(), await leaseRoles()]).toEqual([before, 0]);
    const next = await leased();
    await deployment.cursor.agent.giveBack(next.credential.leaseId);
  });
});

describe('a stored root credential goes nowhere that nobody signed for', () => {
  test('not in a draft, which a session alone can ask for', async () => {
    const { config } = await connectionNamed('pg-staging');
    await refused(
      deployment.alice.propose(
        change({ connection: 'pg-staging', config: { ...config, host: '127.0.0.2' } }),
      ),
      'invalid_request',
    );
  });

  test('not in a statement made by hand, by endpoint, account or how it is reached', async () => {
    const { alice } = deployment;
    const { statement } = await alice.client.call('draft', {
      body: { kind: 'connection.set', id: newId(), body: { connection: 'pg-staging' } },
    });
    if (statement.kind !== 'connection.set') throw new Error('it drafts what it was asked for');
    const { body } = statement;
    const changes: Partial<StatementOf<'connection.set'>['body']>[] = [
      { endpoint: '127.0.0.2:5432/rental_staging' },
      { account: 'postgres' },
      { config: { ...body.config, username: 'postgres' } },
      { config: { ...body.config, host: '127.0.0.2' } },
      { config: { ...body.config, system_identifier: '7' } },
    ];
    for (const altered of changes) {
      const envelope = await envelopeOf(
        { ...statement, id: newId(), body: { ...body, ...altered } },
        alice.privateJwk,
      );
      await refused(alice.client.call('propose', { body: { envelope } }), 'invalid_request');
    }
  });

  test('nor is what another connection reaches reached by a second name', async () => {
    const { alice, playground } = deployment;
    const production = await connectionNamed('pg-production');
    const file = playground.connections.find(({ name }) => name === 'pg-production')?.secret_file;
    await setPassword((await readFile(file ?? '', 'utf8')).trim());
    const secret = beside((await readFile(file ?? '', 'utf8')).trim());
    const moved = { connection: 'pg-staging', config: production.config };
    // What it maps, the other place does not reach; what that reaches is another connection's.
    await refused(alice.propose(change(moved), secret), 'invalid_request');
    const [id = ''] = Object.values(production.mapping).flat();
    const taken = change({ ...moved, environments: { staging: [id] } });
    await refused(alice.propose(taken, secret), 'conflict');
    const alias = change({
      connection: 'pg-staging',
      config: { ...production.config, host: 'localhost' },
      environments: { staging: [id.replace('127.0.0.1', 'localhost')] },
    });
    await refused(alice.propose(alias, secret), 'conflict');
  });
});

describe('an id moves to another environment', () => {
  test('with two who may, and what was granted where it was holds no more', async () => {
    const { alice, bob, cursor } = deployment;
    const { id: pinned } = await alice.propose(
      grantDraft({ operations: ['postgres:delete'], resources: SELECT.resources, max_uses: 9 }),
    );
    await bob.sign(pinned);
    const wanted = details(['postgres:delete'], SELECT.resources);
    const token = await cursor.agent.token(wanted);
    const session = await openSession(await cursor.agent.exchange(token, null));
    const cut = new Promise((resolve) => session.once('end', resolve));
    const { mapping } = await connectionNamed('pg-staging');
    const [id = ''] = mapping['staging'] ?? [];

    const moved = await carol.run(['connection', 'set', 'pg-staging', '--map', `production=${id}`]);
    expect(moved.status, moved.stderr).toBe(4);
    expect(moved.stdout).toContain(`! ${id} moves to production, and was mapped`);
    expect(moved.stdout).toContain('waiting: 1 of 2 signatures');
    // Until it is signed, everything is as it was.
    await cursor.agent.token(wanted);
    const [, statement = ''] = /countersign sign (\S+)/.exec(moved.stdout) ?? [];
    expect(await bob.sign(statement)).toMatchObject({ status: 'complete', leases_revoked: 1 });
    await cut;
    await refused(cursor.agent.token(wanted), 'grant_suspended');
    await refused(
      cursor.agent.token(details(SELECT.operations, SELECT.resources)),
      'environment_mismatch',
    );
    expect(await bob.client.call('grant', { params: { id: pinned } })).toMatchObject({
      status: 'suspended',
      reasons: ['the connection changed since it was signed'],
    });
    expect((await connectionNamed('pg-staging')).mapping).toEqual({ production: [id] });
  });

  test('and a change that waits while the credential is rotated is proposed anew', async () => {
    const { alice, bob } = deployment;
    const { mapping } = await connectionNamed('pg-staging');
    const [id = ''] = mapping['production'] ?? [];
    const waiting = await alice.propose(
      change({ connection: 'pg-staging', environments: { staging: [id] } }),
    );
    expect(waiting.status).toBe('pending');
    const rotated = await alice.propose(
      change({ connection: 'pg-staging' }),
      beside('of the second'),
    );
    expect(rotated.status).toBe('complete');
    await refused(bob.sign(waiting.id), 'conflict');
    const again = await alice.propose(
      change({ connection: 'pg-staging', environments: { staging: [id] } }),
    );
    expect(await bob.sign(again.id)).toMatchObject({ status: 'complete' });
    await expect.poll(destroyed, SOON).toBe(3);
    const next = await leased();
    await deployment.cursor.agent.giveBack(next.credential.leaseId);
  });

  test('a rotation that waits and is overtaken loses its credential', async () => {
    const { alice, bob } = deployment;
    const before = await sealed();
    const gone = await destroyed();
    const { mapping } = await connectionNamed('pg-staging');
    const [id = ''] = mapping['staging'] ?? [];
    const waiting = await alice.propose(
      change({ connection: 'pg-staging', environments: { production: [id] } }),
      beside('of the second'),
    );
    expect([waiting.status, await sealed()]).toEqual(['pending', before + 1]);
    await alice.propose(change({ connection: 'pg-staging' }), beside('of the second'));
    await refused(bob.sign(waiting.id), 'conflict');
    // That one, and the one that the rotation replaced.
    await expect.poll(destroyed, SOON).toBe(gone + 2);
    expect(await sealed()).toBe(before);
    const next = await leased();
    await deployment.cursor.agent.giveBack(next.credential.leaseId);
  });

  test('a rotation that waits and is vetoed loses its credential', async () => {
    const { alice, bob } = deployment;
    const before = await sealed();
    const { mapping } = await connectionNamed('pg-staging');
    const [id = ''] = mapping['staging'] ?? [];
    const waiting = await alice.propose(
      change({ connection: 'pg-staging', environments: { production: [id] } }),
      beside('of the second'),
    );
    expect(await sealed()).toBe(before + 1);
    await bob.reject(waiting.id, 'not now');
    expect(await sealed()).toBe(before);
  });
});
