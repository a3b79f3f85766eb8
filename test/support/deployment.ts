/**
 * A whole deployment for tests that attack or race it: a real server process, a real target database,
 * two humans with device keys, and agents, all spoken to over HTTP by the client people use.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, createAgent, createClient, type SigningKey } from '@countersign/client';
import type { RequestedDetail, StatementAnswer } from '@countersign/contract';
import { Secret } from '@countersign/core';
import type { Playground } from '@countersign/server';
import { type BrokerProcess, freePort, startBroker } from './broker-process.ts';
import { startDatabases } from './clusters.ts';
import { type DraftWithoutId, enroll, genesis, newKey, type Person } from './people.ts';

export interface TestAgent {
  readonly name: string;
  readonly id: string;
  readonly key: SigningKey;
  readonly privateJwk: Secret;
  readonly agent: Agent;
}

export interface Deployment {
  readonly broker: BrokerProcess;
  /** Every server process, `broker` first; more than one share a database and an issuer. */
  readonly replicas: readonly BrokerProcess[];
  /** Opens Countersign's own database as its owner, for tests that edit it by hand. */
  readonly databaseUrl: Secret;
  readonly playground: Playground;
  readonly dataDir: string;
  readonly alice: Person;
  readonly bob: Person;
  readonly cursor: TestAgent;
  /**
   * One more server process on the same database, as a restart would be; rejects when it does not start.
   * On a given port it takes the place of one that stopped.
   */
  anotherServer(options?: ServerOptions): Promise<BrokerProcess>;
  /** One more agent, registered by alice. */
  registerAgent(name: string): Promise<TestAgent>;
  /** A grant in staging on `pg-staging`, signed by alice alone. */
  grant(draft: GrantDraft): Promise<StatementAnswer>;
  stop(): Promise<void>;
}

/** Of one server process; `env` goes before the deployment's own. */
interface ServerOptions {
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What stands between servers and databases: the port each is given in place of the real one. */
interface Wires {
  database(port: number): Promise<number>;
  target(port: number, connection: string): Promise<number>;
}

export interface GrantDraft {
  readonly agent?: string;
  readonly connection?: string;
  readonly environment?: string;
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly ttl?: number;
  readonly valid_for?: number;
  readonly max_uses?: number;
  readonly request?: string;
}

async function agentOf(
  url: string,
  name: string,
  id: string,
  device: { key: SigningKey; privateJwk: Secret },
): Promise<TestAgent> {
  return {
    name,
    id,
    ...device,
    agent: createAgent(createClient({ server: url }), { name, key: device.key }),
  };
}

/** Details of one connection and environment, as an agent asks for them. */
export function details(
  operations: readonly string[] | null,
  resources: readonly string[] | null,
  where: { readonly connection?: string; readonly environment?: string } = {},
): RequestedDetail[] {
  return [
    {
      type: 'countersign',
      connection: where.connection ?? 'pg-staging',
      environment: where.environment ?? 'staging',
      ...(operations === null ? {} : { operations: [...operations] }),
      ...(resources === null ? {} : { resources: [...resources] }),
    },
  ];
}

export interface DeployOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly replicas?: number;
  /** What the servers call themselves, when it is not the first of them. */
  readonly issuer?: string;
  /** `full` waits for the disk, as a real deployment does. Tests of meaning need not. */
  readonly durability?: 'full' | 'none';
  readonly wires?: Wires;
  /** More of `postgresql.conf` for Countersign's own database. */
  readonly databaseSettings?: Readonly<Record<string, string>>;
}

/** Alice, bob, staging and production, both playground connections, and the agent `cursor`. */
export async function deploy(options: DeployOptions = {}): Promise<Deployment> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  const undo: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const { playground, database } = await startDatabases(directory, undo, {
      durability: options.durability ?? 'none',
      settings: options.databaseSettings ?? {},
    });
    const dataDir = join(directory, 'broker');
    const wires = options.wires ?? STRAIGHT;
    const databaseUrl = through(database.url(), await wires.database(database.port));
    const replicas = await startReplicas(databaseUrl, dataDir, options);
    for (const replica of replicas) undo.push(() => replica.stop());
    const [broker] = replicas;
    if (broker === undefined) throw new Error('a deployment has at least one server');
    const alice = await genesis(broker, replicas.at(-1)?.genesisCode ?? '');
    const bob = await enroll(broker.url, [alice], 'bob', ['approver']);
    for (const name of ['staging', 'production']) {
      await alice.propose({ kind: 'environment.set', body: { name, class: name } });
    }
    for (const connection of playground.connections) {
      const port = await wires.target(playground.postgres.port, connection.name);
      await connect(alice, bob, connection, port);
    }
    const registerAgent = async (name: string): Promise<TestAgent> => {
      const device = await newKey(`agent ${name}`);
      const answer = await alice.propose({
        kind: 'agent.register',
        body: {
          name,
          auth: { method: 'private_key_jwt', jwks: { keys: [device.key.publicJwk] } },
        },
      });
      return await agentOf(broker.url, name, answer.id, device);
    };
    const cursor = await registerAgent('cursor');
    return {
      broker,
      replicas,
      async anotherServer({ port, env } = {}) {
        const started = await startBroker({
          dataDir,
          issuer: options.issuer ?? broker.url,
          ...(port === undefined ? {} : { port }),
          env: {
            DATABASE_URL: databaseUrl.reveal(),
            COUNTERSIGN_KEK_FILE: join(dataDir, 'kek'),
            ...options.env,
            ...env,
          },
        });
        undo.push(() => started.stop());
        return started;
      },
      databaseUrl: database.url(),
      playground,
      dataDir,
      alice,
      bob,
      cursor,
      registerAgent,
      grant: (draft) => alice.propose(grantDraft(draft)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const STRAIGHT: Wires = { database: async (port) => port, target: async (port) => port };

/** The same database behind another port. */
function through(url: Secret, port: number): Secret {
  const other = new URL(url.reveal());
  other.port = String(port);
  return new Secret('database URL', other.href);
}

/** Server processes on one given database (`DATABASE_URL`), one issuer, one KEK. */
async function startReplicas(
  url: Secret,
  dataDir: string,
  options: DeployOptions,
): Promise<BrokerProcess[]> {
  await mkdir(dataDir, { recursive: true });
  const kek = join(dataDir, 'kek');
  await writeFile(kek, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const started: BrokerProcess[] = [];
  const port = await freePort();
  for (let i = 0; i < (options.replicas ?? 1); i += 1) {
    started.push(
      await startBroker({
        dataDir,
        port: i === 0 ? port : await freePort(),
        issuer: options.issuer ?? `http://localhost:${port}`,
        env: { DATABASE_URL: url.reveal(), COUNTERSIGN_KEK_FILE: kek, ...options.env },
      }),
    );
  }
  return started;
}

export function grantDraft(draft: GrantDraft): DraftWithoutId {
  const { operations, resources, ...rest } = draft;
  return {
    kind: 'grant.create',
    body: {
      agent: 'cursor',
      connection: 'pg-staging',
      environment: 'staging',
      reason: 'a test',
      ...rest,
      permissions: [{ operations: [...operations], resources: [...resources] }],
    },
  };
}

async function connect(
  alice: Person,
  bob: Person,
  connection: Playground['connections'][number],
  port: number,
): Promise<void> {
  const { environments, ...given } = connection.config;
  const config = { ...given, port };
  const value = (await readFile(connection.secret_file, 'utf8')).trim();
  const answer = await alice.propose(
    {
      kind: 'connection.set',
      body: {
        name: connection.name,
        provider: 'postgres',
        config,
        environments: Object.fromEntries(
          Object.keys(environments).map((name) => [
            name,
            [`${config.host}:${port}/${config.database}`],
          ]),
        ),
      },
    },
    { salt: randomBytes(32).toString('base64url'), value },
  );
  if (answer.status === 'pending') await bob.sign(answer.id);
}
