/** Closed-loop load: each client sends its next request when the last one was answered. */
import { performance } from 'node:perf_hooks';
import { type Answer, openKeepAlive } from './keep-alive.ts';

export interface Phase {
  readonly ports: readonly number[];
  readonly clients: number;
  /** Milliseconds of load. */
  readonly duration: number;
  /** The bytes of the next request, made beforehand so that signing is not measured; null ends the load. */
  readonly next: () => Buffer | null;
  /** False for a refusal to take on more, which is counted. @throws Error for any other answer */
  readonly check: (answer: Answer) => boolean;
}

export interface Measured {
  readonly clients: number;
  readonly requests: number;
  /** Of so many more: not now, try again. */
  readonly refused: number;
  /** Requests a second that were served. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** @throws Error at the first answer that `check` refuses: a figure of failures measures nothing */
export async function runPhase(phase: Phase): Promise<Measured> {
  const { ports, clients, duration, next, check } = phase;
  const connections = await Promise.all(
    Array.from({ length: clients }, (_, at) => openKeepAlive(ports[at % ports.length] ?? 0)),
  );
  const latencies: number[] = [];
  let refused = 0;
  const began = performance.now();
  const until = began + duration;
  try {
    await Promise.all(
      connections.map(async (connection) => {
        for (let sent = performance.now(); sent < until; ) {
          const request = next();
          if (request === null) return;
          const answer = await connection.send(request);
          const now = performance.now();
          if (check(answer)) latencies.push(now - sent);
          else refused += 1;
          sent = now;
        }
      }),
    );
  } finally {
    for (const connection of connections) connection.close();
  }
  return { ...summarise(clients, latencies, performance.now() - began), refused };
}

function summarise(
  clients: number,
  latencies: readonly number[],
  elapsed: number,
): Omit<Measured, 'refused'> {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    clients,
    requests: sorted.length,
    rate: sorted.length / (elapsed / 1000),
    p50: at(0.5),
    p99: at(0.99),
  };
}
