/**
 * What the owner of Countersign's database finds there: a deployment that has lived. People came and
 * went, grants stand, ended, were used up, revoked, suspended, frozen or are half signed. Beside the
 * schema lie what an owner would have kept: the tables of an earlier day, and those of another deployment.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeStatement, signStatement } from '@countersign/authority';
import { type Credential, createAgent, createClient, type SigningKey } from '@countersign/client';
import type { Statement } from '@countersign/contract';
import type { Secret } from '@countersign/core';
import { type SeenTree, verifyExport } from '@countersign/verify';
import postgres from 'postgres';
import { vi } from 'vitest';
import { startBroker } from '../../support/broker-process.ts';
import {
  type Deployment,
  deploy,
  details,
  type GrantDraft,
  grantDraft,
  type TestAgent,
} from '../../support/deployment.ts';
import {
  ed25519,
  enroll,
  envelopeOf,
  genesis,
  newId,
  newKey,
  type Person,
} from '../../support/people.ts';
import { refused } from '../../support/refusal.ts';
import { openSession } from '../../support/session.ts';

/** Every agent that the attacker plays, by name; `mover former` is mover with the key it had. */
interface Caller {
  readonly name: string;
  readonly key: SigningKey;
}

export interface Scene {
  readonly deployment: Deployment;
  readonly callers: readonly Caller[];
  /** Ids of delete-capable grants in staging, by where they stand. */
  readonly grants: Readonly<Record<GrantName, string>>;
  /** Whose grant it is, and the table it names. */
  readonly asked: Readonly<Record<GrantName, { readonly agent: string; readonly table: string }>>;
  /** Statement ids of the two connections, by name. */
  readonly connections: Readonly<Record<'staging' | 'production', string>>;
  readonly agents: Readonly<Record<string, string>>;
  /** Everything the attacker can lay on a half-signed grant: one human's signatures, and those of nobody. */
  readonly signaturesAtHand: readonly {
    readonly by: string;
    readonly signature: Awaited<ReturnType<typeof signStatement>>;
  }[];
  readonly leases: Readonly<Record<'given back' | 'used up' | 'alive', string>>;
  /** The login of the lease that was given back. */
  readonly spent: Credential;
  /** What a person's profile remembers of the ledger. */
  readonly seen: SeenTree;
  /** A one-time code of the attacker's own. */
  readonly forgedCode: string;
  /** As superuser in a database of the cluster. */
  connect(database: string): postgres.Sql;
  stop(): Promise<void>;
}

export const GRANTS = [
  'half-signed',
  'expired',
  'used up',
  'revoked',
  'suspended',
  'frozen',
  'live',
] as const;
export type GrantName = (typeof GRANTS)[number];

/** The one delete-capable right that stands, and how often it may still be used. */
export const HONEST = { grant: 'live', usesLeft: 1 } as const;

export const TABLES = ['public.bookings', 'public.customers', 'public.vehicles'] as const;

/** Of the scene itself, to be copied for each edit. */
export const UNTOUCHED = 'untouched';

export async function setScene(): Promise<Scene> {
  const deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  try {
    return await furnish(deployment);
  } catch (error) {
    await deployment.stop();
    throw error;
  }
}

async function furnish(deployment: Deployment): Promise<Scene> {
  const { alice, bob, broker, cursor } = deployment;
  const connect = (database: string) => {
    const url = new URL(deployment.databaseUrl.reveal());
    url.pathname = `/${database}`;
    return postgres(url.href, { max: 1, onnotice: () => undefined });
  };
  const dora = await enroll(broker.url, [alice, bob], 'dora', ['admin', 'approver']);
  const second = await secondKey(alice, bob);
  const [janitor, mover, frosty, deployer] = [
    await deployment.registerAgent('janitor'),
    await deployment.registerAgent('mover'),
    await deployment.registerAgent('frosty'),
    await deployment.registerAgent('deployer'),
  ];
  const both = async (agent: TestAgent, table: string, more: Partial<GrantDraft> = {}) => {
    const operations = ['postgres:delete'];
    const draft = { agent: agent.name, operations, resources: [table], valid_for: 86_400, ...more };
    const { id } = await alice.propose(grantDraft(draft));
    await bob.sign(id);
    return id;
  };
  const wanted = (table: string) => details(['postgres:delete'], [table]);

  await deployment.grant({
    operations: ['postgres:select'],
    resources: ['public.bookings'],
    ttl: 3600,
  });
  const expired = await both(cursor, 'public.vehicles', { valid_for: 1 });
  const usedUp = await both(cursor, 'public.customers', { max_uses: 1 });
  const revoked = await both(janitor, 'public.bookings');
  const suspended = await both(mover, 'public.vehicles');
  const frozen = await both(frosty, 'public.customers');
  const live = await both(deployer, 'public.bookings', { max_uses: 2 });
  const spent = await deployer.agent.exchange(
    await deployer.agent.token(wanted('public.bookings')),
    null,
  );
  await (await openSession(spent)).end();
  await deployer.agent.giveBack(spent.leaseId);
  const filed = await cursor.agent.ask({
    authorization_details: wanted('public.bookings'),
    reason: 'cleaning',
  });

  await keep(connect, 'countersign', 'earlier');

  const last = await cursor.agent.exchange(
    await cursor.agent.token(wanted('public.customers')),
    null,
  );
  await cursor.agent.giveBack(last.leaseId);
  await alice.propose({ kind: 'grant.revoke', body: { grant: revoked, reason: 'not needed' } });
  const moved = await newKey('mover next');
  await alice.propose({
    kind: 'agent.credential.set',
    body: {
      agent: 'mover',
      auth: { method: 'private_key_jwt', jwks: { keys: [moved.key.publicJwk] } },
      reason: 'moved',
    },
  });
  await bob.propose({
    kind: 'freeze',
    body: { target: { kind: 'agent', id: 'frosty' }, reason: 'odd' },
  });
  const doraId = await humanId(alice, 'dora');
  const leaving = await alice.propose({
    kind: 'human.remove',
    body: { human: doraId, reason: 'left' },
  });
  await bob.sign(leaving.id);
  await alice.propose({
    kind: 'key.revoke',
    body: { key: second.key.thumbprint, reason: 'lost' },
  });
  const halfSigned = await alice.propose(
    grantDraft({
      operations: ['postgres:delete'],
      resources: ['public.bookings'],
      valid_for: 86_400,
    }),
  );
  const alive = await cursor.agent.exchange(
    await cursor.agent.token(details(['postgres:select'], ['public.bookings'])),
    null,
  );
  await cursor.agent.ask({
    authorization_details: wanted('public.vehicles'),
    reason: 'more cleaning',
  });
  await bob.client.call('rejectAccessRequest', {
    params: { id: filed.id },
    body: { reason: 'no' },
  });
  await alice.client.call('invite', {
    body: { name: 'newcomer', roles: ['approver'], groups: [] },
  });
  await vi.waitFor(
    () => refused(cursor.agent.token(wanted('public.vehicles')), 'grant_expired'),
    10_000,
  );
  await refused(cursor.agent.token(wanted('public.customers')), 'grant_exhausted');

  const { checkpoint } = await verifyExport(alice.client.exportLines({ authority: false }));
  if (checkpoint === null) throw new Error('the scene has a checkpoint');
  const signaturesAtHand = await sign(alice, halfSigned.id, {
    'the proposer once more': alice.privateJwk,
    'a human who was removed': dora.privateJwk,
    'a key that was revoked': second.privateJwk,
    'an agent': cursor.privateJwk,
  });
  const connections = (await alice.client.call('connections', {})).items;
  const connectionId = (name: string) => connections.find((one) => one.name === name)?.id ?? '';
  await broker.stop();
  await bringForeignTables(deployment, connect);
  const outside = connect('postgres');
  await outside.unsafe(`alter database countersign rename to ${UNTOUCHED}`);
  await outside.end();
  return {
    deployment,
    callers: [cursor, janitor, { name: mover.name, key: moved.key }, mover, frosty, deployer].map(
      ({ name, key }) => ({ name, key }),
    ),
    grants: {
      'half-signed': halfSigned.id,
      expired,
      'used up': usedUp,
      revoked,
      suspended,
      frozen,
      live,
    },
    asked: {
      'half-signed': { agent: 'cursor', table: 'public.bookings' },
      expired: { agent: 'cursor', table: 'public.vehicles' },
      'used up': { agent: 'cursor', table: 'public.customers' },
      revoked: { agent: 'janitor', table: 'public.bookings' },
      suspended: { agent: 'mover', table: 'public.vehicles' },
      frozen: { agent: 'frosty', table: 'public.customers' },
      live: { agent: 'deployer', table: 'public.bookings' },
    },
    connections: {
      staging: connectionId('pg-staging'),
      production: connectionId('pg-production'),
    },
    agents: Object.fromEntries(
      [cursor, janitor, mover, frosty, deployer].map(({ name, id }) => [name, id]),
    ),
    signaturesAtHand,
    leases: { 'given back': spent.leaseId, 'used up': last.leaseId, alive: alive.leaseId },
    spent,
    seen: checkpoint,
    forgedCode: 'WRITTENBYHAND',
    connect,
    stop: () => deployment.stop(),
  };
}

async function humanId(reader: Person, name: string): Promise<string> {
  const { items } = await reader.client.call('humans', {});
  const found = items.find((human) => human.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found.id;
}

/** Another key for alice, which she and bob signed for. */
async function secondKey(alice: Person, bob: Person) {
  const device = await newKey('second device');
  const { statement } = await alice.client.call('draft', {
    body: {
      kind: 'human.enroll',
      id: newId(),
      body: { name: 'alice', key: ed25519(device.key), recovery: null },
    },
  });
  const { id } = await alice.client.call('propose', {
    body: { envelope: await envelopeOf(statement, device.privateJwk, alice.privateJwk) },
  });
  await bob.sign(id);
  return device;
}

async function sign(
  reader: Person,
  id: string,
  keys: Readonly<Record<string, Secret>>,
): Promise<Scene['signaturesAtHand']> {
  const { payload } = await reader.client.call('statement', { params: { id } });
  const statement: Statement = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  const decoded = encodeStatement(statement);
  return await Promise.all(
    Object.entries(keys).map(async ([by, key]) => ({
      by,
      signature: await signStatement(decoded, key),
    })),
  );
}

/** Every table of a schema as it is now, with nothing but its rows. */
async function keep(connect: Scene['connect'], from: string, into: string): Promise<void> {
  const sql = connect('countersign');
  await sql.begin('isolation level repeatable read', async (tx) => {
    await tx.unsafe(`create schema ${into}`);
    const tables = await tx<{ name: string }[]>`
      select tablename as name from pg_tables where schemaname = ${from}`;
    for (const { name } of tables) {
      await tx.unsafe(`create table ${into}.${name} as table ${from}.${name}`);
    }
  });
  await sql.end();
}

/** Another deployment's tables, in which an agent of the same name and key may delete. */
async function bringForeignTables(
  deployment: Deployment,
  connect: Scene['connect'],
): Promise<void> {
  const owner = connect('countersign');
  await owner.unsafe('alter schema countersign rename to aside');
  const kek = join(deployment.dataDir, 'foreign-kek');
  await writeFile(kek, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const broker = await startBroker({
    dataDir: deployment.dataDir,
    env: { DATABASE_URL: deployment.databaseUrl.reveal(), COUNTERSIGN_KEK_FILE: kek },
  });
  const mallory = await genesis(broker, broker.genesisCode ?? '', 'mallory');
  await enroll(broker.url, [mallory], 'trudy', ['approver']);
  await mallory.propose({
    kind: 'environment.set',
    body: { name: 'staging', class: 'staging' },
  });
  const { name, key } = deployment.cursor;
  await mallory.propose({
    kind: 'agent.register',
    body: { name, auth: { method: 'private_key_jwt', jwks: { keys: [key.publicJwk] } } },
  });
  await createAgent(createClient({ server: broker.url }), { name, key }).token(null);
  await mallory.client.call('invite', {
    body: { name: 'newcomer', roles: ['approver'], groups: [] },
  });
  await broker.stop();
  await owner.unsafe('alter schema countersign rename to other');
  await owner.unsafe('alter schema aside rename to countersign');
  await owner.end();
}
