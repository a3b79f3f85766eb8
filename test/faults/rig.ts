/**
 * A deployment on wires that break: one between the server process and its own database, one between it
 * and each target. Looking happens past the wires, so that a fault never hides what it did.
 */
import { type Agent, type Client, createAgent, createClient } from '@countersign/client';
import postgres from 'postgres';
import type { BrokerProcess } from '../support/broker-process.ts';
import { type Deployment, type DeployOptions, deploy } from '../support/deployment.ts';
import { startWireProxy, type Wire } from '../support/wire-proxy.ts';

export const LONG = process.env['COUNTERSIGN_TEST_LONG'] === '1';

export interface Rig extends Deployment {
  readonly wires: {
    readonly broker: Wire;
    /** Of the connection `pg-staging`. */
    readonly target: Wire;
    /** Of the connection `pg-production`. */
    readonly production: Wire;
  };
  /** Countersign's own database as its owner, and the target's staging database as its superuser. */
  readonly own: postgres.Sql;
  readonly target: postgres.Sql;
  /** `cursor`, whose allowed decisions are remembered as the client heard of them. */
  readonly agent: Agent;
  /** Nobody's, for who has a token; what it hears is remembered too. */
  readonly client: Client;
  /** Ledger entries of decisions that some client was told of. */
  readonly told: ReadonlySet<string>;
  /** What a crash left for later, each to be looked at when its time has come. */
  readonly later: (() => Promise<void>)[];
  /** The server process of now. */
  server(): BrokerProcess;
  /** From now on Countersign's own database is this port's, for the server and for who looks. */
  moveDatabase(port: number): void;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** A new process in place of the one that was killed, at the same address; nothing if it runs. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>;
}

export async function rig(options: Omit<DeployOptions, 'wires'> = {}): Promise<Rig> {
  const started: Wire[] = [];
  const wireTo = async (port: number): Promise<number> => {
    const wire = await startWireProxy(port);
    started.push(wire);
    return wire.port;
  };
  const deployment = await deploy({
    ...options,
    env: { COUNTERSIGN_LOG_LEVEL: 'error', ...options.env },
    wires: { database: wireTo, target: wireTo },
  });
  const [broker, target, production] = started;
  if (broker === undefined || target === undefined || production === undefined) {
    throw new Error('a wire to each database');
  }
  const quiet = { max: 2, onnotice: () => undefined };
  const looking = new URL(deployment.databaseUrl.reveal());
  const past = await startWireProxy(Number(looking.port));
  started.push(past);
  looking.port = String(past.port);
  const own = postgres(looking.href, quiet);
  const targetSql = postgres(deployment.playground.ownerUrl('rental_staging').reveal(), quiet);
  const told = new Set<string>();
  let present = deployment.broker;
  let ending: Promise<void> | null = null;

  const remembering: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const decision = response.headers.get('countersign-decision');
    if (decision !== null) told.add(decision);
    return response;
  };
  const client = createClient({ server: deployment.broker.url, fetch: remembering });
  return {
    ...deployment,
    wires: { broker, target, production },
    own,
    target: targetSql,
    agent: createAgent(client, { name: 'cursor', key: deployment.cursor.key }),
    client,
    told,
    later: [],
    server: () => present,
    moveDatabase(port) {
      for (const wire of [broker, past]) {
        wire.down();
        wire.up(port);
      }
    },
    kill() {
      ending = present.kill();
      return ending;
    },
    async restart(env = {}) {
      if (ending === null) return;
      await ending;
      ending = null;
      present = await deployment.anotherServer({ port: deployment.broker.port, env });
    },
    async stop() {
      await Promise.all([own.end({ timeout: 1 }), targetSql.end({ timeout: 1 })]);
      await deployment.stop();
      await Promise.all(started.map((wire) => wire.close()));
    },
  };
}
