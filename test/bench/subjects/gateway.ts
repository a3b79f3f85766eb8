/** One read of Railway's by way of the broker, and by way of nothing but a proxy: the same upstream, the same answer. */
import { createAgent, createClient } from '@countersign/client';
import type { Secret } from '@countersign/core';
import {
  buildRental,
  ENDPOINT_PATH,
  RailwaySimulator,
} from '@countersign/provider-railway/simulator';
import { freePort } from '../../support/broker-process.ts';
import { details } from '../../support/deployment.ts';
import { connectRailway } from '../../support/railway.ts';
import type { Contender } from '../compare.ts';
import { jsonRequest } from '../keep-alive.ts';
import type { CountersignSubject } from './countersign.ts';
import { type Ask, expectStatus, type Spawned, spawnServer } from './subject.ts';

interface PassThrough {
  readonly name: string;
  readonly pids: readonly number[];
}

export interface GatewaySubjects {
  readonly ours: Contender;
  /** The bare one first, then the one that makes a row durable for each request. */
  readonly passThroughs: readonly (Contender & PassThrough)[];
  /** Asks for a token that lasts through the next turns. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

const WHERE = { connection: 'railway', environment: 'staging' };
const PATH = `/gateway/railway${ENDPOINT_PATH}`;

export async function startGateway(
  subject: CountersignSubject,
  databaseUrl: Secret,
): Promise<GatewaySubjects> {
  const { deployment } = subject;
  // The same world, to the last id, as the one that is served.
  const rental = buildRental(new RailwaySimulator({ seed: 'bench' }));
  const upstreamPort = await freePort();
  const url = `http://127.0.0.1:${upstreamPort}`;
  const started: Spawned[] = [];
  const stop = async (): Promise<void> => {
    for (const each of started.reverse()) await each.stop();
  };
  try {
    started.push(await spawnServer('railway-server.ts', { PORT: String(upstreamPort) }));
    const proxies: { name: string; port: number; pids: number[] }[] = [];
    for (const [name, env] of [
      ['pass-through', {}],
      ['pass-through with a durable row', { DATABASE_URL: databaseUrl.reveal() }],
    ] as const) {
      const port = await freePort();
      const proxy = await spawnServer('pass-through-server.ts', {
        PORT: String(port),
        UPSTREAM: `${url}${ENDPOINT_PATH}`,
        CREDENTIAL: rental.tokens.account.secret,
        ...env,
      });
      started.push(proxy);
      proxies.push({ name, port, pids: [proxy.pid] });
    }
    await connectRailway(deployment, { url, rental });
    const resource = `environment/${rental.staging.id}`;
    const operations = ['railway:environment'];
    await deployment.grant({ ...WHERE, operations, resources: [resource] });

    const body = JSON.stringify({
      query: `{ environment(id: "${rental.staging.id}") { id name } }`,
    });
    const { broker, cursor } = deployment;
    const bearer = createAgent(createClient({ server: broker.url }), { ...cursor, bind: false });
    let request: Buffer = Buffer.alloc(0);
    const askOf = (next: () => Buffer): Ask => ({ next, check: expectStatus(200) });
    return {
      ours: { name: subject.name, ports: subject.ports, ask: askOf(() => request) },
      passThroughs: proxies.map(({ name, port, pids }) => {
        const bare = jsonRequest(new URL(PATH, `http://127.0.0.1:${port}`), body);
        return { name, pids, ports: [port], ask: askOf(() => bare) };
      }),
      async refresh() {
        const { token } = await bearer.token(details(operations, [resource], WHERE));
        request = jsonRequest(new URL(PATH, broker.url), body, [
          `Authorization: Bearer ${token.reveal()}`,
        ]);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
