/**
 * Railway at the other end of a connection: the simulator on a port of this machine, with a record of every
 * byte it was sent, and bad manners where a test asks for them.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import {
  buildRental,
  RailwaySimulator,
  type Rental,
} from '@countersign/provider-railway/simulator';
import type { Deployment } from './deployment.ts';

interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Attacks come faster than any plan allows. */
const UNLIMITED = { perHour: 1e9, perSecond: 1e9 };

/** True where it has answered by itself. */
type Manner = (outgoing: ServerResponse, received: Received) => boolean;

export interface StandIn {
  readonly url: string;
  /** The present one. */
  readonly simulator: RailwaySimulator;
  readonly rental: Rental;
  /** Everything it was sent, the broker's own questions too. */
  readonly received: readonly Received[];
  /** What it was sent until now is no matter any more. */
  forget(): void;
  behave(manner: Manner | null): void;
  /** The same world as at first, to the last id, with an empty record. */
  renew(): void;
  close(): Promise<void>;
}

export async function startRailway(): Promise<StandIn> {
  let simulator = new RailwaySimulator({ seed: 'attacks', rate: UNLIMITED });
  const rental = buildRental(simulator);
  const received: Received[] = [];
  let manner: Manner | null = null;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      const bytes = Buffer.concat(chunks);
      const headers = Object.fromEntries(
        Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
      );
      const { method = '', url: target = '' } = incoming;
      const last = { method, target, headers, body: bytes.toString('utf8') };
      received.push(last);
      if (manner?.(outgoing, last) === true) return;
      const answer = await simulator.handle({ method, path: target, headers, body: bytes });
      if (answer === 'cut') outgoing.destroy();
      else outgoing.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    ...{ rental, received },
    get simulator() {
      return simulator;
    },
    renew() {
      simulator = new RailwaySimulator({ seed: 'attacks', rate: UNLIMITED });
      buildRental(simulator);
      received.splice(0);
    },
    forget: () => void received.splice(0),
    behave(next) {
      manner = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Connects it as `railway`, with the account's token and both of its environments. */
export async function connectRailway(
  { alice, bob }: Pick<Deployment, 'alice' | 'bob'>,
  { url, rental }: Pick<StandIn, 'url' | 'rental'>,
): Promise<void> {
  const answer = await alice.propose(
    {
      kind: 'connection.set',
      body: {
        name: 'railway',
        provider: 'railway',
        config: { endpoint: url, token: 'account', projects: [rental.projectId] },
        environments: { staging: [rental.staging.id], production: [rental.production.id] },
      },
    },
    { salt: randomBytes(32).toString('base64url'), value: rental.tokens.account.secret },
  );
  if (answer.status === 'pending') await bob.sign(answer.id);
}
