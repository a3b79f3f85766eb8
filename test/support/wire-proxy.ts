/**
 * A wire that counts and breaks. It stands between a client of PostgreSQL and the server, understands
 * where a request ends and its answer is complete, and at the step a test names does what it says.
 */
import { connect, createServer, type Socket } from 'node:net';
import { createStrikes } from './strikes.ts';
import { WireLink } from './wire-link.ts';

/** What happens at one step: one request that makes the server do something, opening a session included. */
export interface Strike {
  /** 1 is the first step from now on, on whichever connection. */
  readonly at: number;
  /** Whether the server does the step before the strike. */
  readonly when: 'before' | 'after';
  /** Done at that very moment, before anything else passes on this connection. */
  readonly meanwhile?: () => Promise<unknown>;
  /**
   * What the client sees. `drop`: its connection ends. `deliver`: the answer. An SQLSTATE: this error
   * in place of the answer; a `FATAL` one ends the connection too.
   */
  readonly sees:
    | 'drop'
    | 'deliver'
    | { readonly severity: 'ERROR' | 'FATAL'; readonly sqlstate: string };
  /** Only steps whose statement matches are counted; left out: all. */
  readonly matching?: RegExp;
}

/** What passed since `watch`. */
export interface Watch {
  /** A statement each, literals left out. */
  readonly steps: readonly string[];
  /** The step that was struck. */
  readonly struck: string | null;
}

export interface Wire {
  readonly port: number;
  /** Counts from now on, and strikes once. */
  watch(strike: Strike | null): Watch;
  /** Counts and strikes no more; resolves when a strike that has begun is over. */
  rest(): Promise<void>;
  /** Ends every connection, and accepts none until `up`. */
  down(): void;
  /** Accepts connections, from now on to this port. */
  up(port?: number): void;
  /** Milliseconds by which every request is late from now on. */
  slow(milliseconds: number): void;
  close(): Promise<void>;
}

/** A wire on a port of its own to `port` of this machine. */
export async function startWireProxy(port: number): Promise<Wire> {
  const links = new Set<WireLink>();
  let target = port;
  let isDown = false;
  let lateness = 0;
  const strikes = createStrikes();

  const server = createServer((client: Socket) => {
    if (isDown) return void client.destroy();
    const link = new WireLink(client, connect(target, '127.0.0.1'), {
      count: strikes.count,
      lateness: () => lateness,
    });
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  const down = (): void => {
    isDown = true;
    for (const link of links) link.cut();
  };
  return {
    port: address.port,
    watch(strike) {
      return strikes.watch(strike);
    },
    async rest() {
      strikes.rest();
      await Promise.all([...links].map((link) => link.struck()));
    },
    down,
    up(to) {
      target = to ?? target;
      isDown = false;
    },
    slow(milliseconds) {
      lateness = milliseconds;
    },
    async close() {
      down();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
