/**
 * How long a deployment that has lived takes to come back: from the start of the process until `/readyz` says
 * ready, with every statement folded again, and with a snapshot of authority.
 */
import type { BrokerProcess } from '../support/broker-process.ts';
import type { Options } from './options.ts';
import { openStoreOf, seedAgents } from './seed.ts';
import { startCountersign } from './subjects/countersign.ts';
import { peakMemory } from './subjects/subject.ts';

export interface RestartFigure {
  readonly of: 'statements' | 'snapshot';
  readonly agents: number;
  /** Milliseconds, the median where there were several. */
  readonly ready: number;
  /** MiB that the process had held at most when it was ready. */
  readonly memory: number;
}

export async function measureRestart(
  { agents, rounds }: Options,
  say: (line: string) => void,
): Promise<readonly RestartFigure[]> {
  const { deployment, stop } = await startCountersign(1);
  const store = await openStoreOf(deployment);
  /** @returns the server that was measured, for whoever wants to wait for what it does next */
  const start = async (): Promise<{ server: BrokerProcess; ready: number; memory: number }> => {
    const began = performance.now();
    const server = await deployment.anotherServer();
    while (!(await fetch(`${server.url}/readyz`)).ok);
    const ready = performance.now() - began;
    return { server, ready, memory: peakMemory(server.process.pid ?? 0) };
  };
  try {
    say(`seeding ${agents} agents, with a grant each`);
    await seedAgents(deployment, store, agents);
    await deployment.broker.stop();
    await store.snapshots.discard();
    say('a start that folds every statement');
    const folded = await start();
    say('waiting for its snapshot');
    while ((await store.snapshots.latest()) === null) await fetch(`${folded.server.url}/readyz`);
    await folded.server.stop();
    const restored: Awaited<ReturnType<typeof start>>[] = [];
    for (let round = 0; round < rounds; round += 1) {
      say('a start with a snapshot');
      const one = await start();
      await one.server.stop();
      restored.push(one);
    }
    const [median = folded] = restored
      .toSorted((a, b) => a.ready - b.ready)
      .slice(Math.floor(rounds / 2));
    return [
      { of: 'statements', agents, ready: folded.ready, memory: folded.memory },
      { of: 'snapshot', agents, ready: median.ready, memory: median.memory },
    ];
  } finally {
    await store.close();
    await stop();
  }
}
