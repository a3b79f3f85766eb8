/** Subjects take turns at the same load; a figure is the median of its turns, a ratio that of two figures. */
import { type Measured, runPhase } from './load.ts';
import type { Ask } from './subjects/subject.ts';

/** One thing measured: who answers, and what it is asked. */
export interface Contender {
  readonly name: string;
  readonly ports: readonly number[];
  readonly ask: Ask;
}

export interface Figure extends Measured {
  readonly name: string;
}

export interface Turns {
  readonly clients: number;
  readonly rounds: number;
  /** Milliseconds of one turn. */
  readonly turn: number;
}

/** Requests a second that no subject here reaches with one client, and with many. */
const MOST = { alone: 2_500, together: 6_000 } as const;

/** What a server is asked before it is measured: its code is compiled by then, that of every subject alike. */
const WARM_UP = { clients: 64, milliseconds: 3_000 } as const;

export async function warmUp(contenders: readonly Contender[]): Promise<void> {
  for (const { ports, ask } of contenders) {
    const { clients, milliseconds: duration } = WARM_UP;
    const requests = prepare(ask, (MOST.together * duration) / 1000);
    const next = (): Buffer | null => requests.pop() ?? null;
    await runPhase({ ports, clients, duration, next, check: ask.check });
  }
}

export async function compare(
  contenders: readonly Contender[],
  { clients, rounds, turn }: Turns,
): Promise<readonly Figure[]> {
  const turns = new Map<Contender, Measured[]>(contenders.map((each) => [each, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, measured] of turns) {
      const most = Math.ceil(((clients === 1 ? MOST.alone : MOST.together) * turn) / 1000);
      const requests = prepare(contender.ask, most);
      measured.push(
        await runPhase({
          ports: contender.ports,
          clients,
          duration: turn,
          next: () => requests.pop() ?? null,
          check: contender.ask.check,
        }),
      );
    }
  }
  return [...turns].map(([{ name }, measured]) => ({ name, ...medianOf(clients, measured) }));
}

function prepare(ask: Ask, count: number): Buffer[] {
  return Array.from({ length: count }, () => ask.next());
}

function medianOf(clients: number, turns: readonly Measured[]): Measured {
  const median = (pick: (one: Measured) => number): number =>
    turns.map(pick).sort((a, b) => a - b)[Math.floor(turns.length / 2)] ?? Number.NaN;
  return {
    clients,
    requests: turns.reduce((sum, { requests }) => sum + requests, 0),
    refused: turns.reduce((sum, { refused }) => sum + refused, 0),
    rate: median(({ rate }) => rate),
    p50: median(({ p50 }) => p50),
    p99: median(({ p99 }) => p99),
  };
}
