/** A rental at a simulated Railway, a clock that stands still, and a way to ask. */
import {
  buildRental,
  type Effect,
  ENDPOINT_PATH,
  RailwaySimulator,
  type Rental,
  type SimulatorOptions,
} from '../../src/simulator/index.ts';

interface TestClock {
  now(): number;
  advance(milliseconds: number): void;
}

function stoppedClock(start = Date.parse('2026-04-24T20:00:00.000Z')): TestClock {
  let at = start;
  return {
    now: () => at,
    advance: (milliseconds) => {
      at += milliseconds;
    },
  };
}

export interface Railway {
  readonly simulator: RailwaySimulator;
  readonly rental: Rental;
  readonly clock: TestClock;
}

export function openRental(options: SimulatorOptions = {}): Railway {
  const clock = stoppedClock();
  const unlimited = { perHour: 1e9, perSecond: 1e9 };
  const simulator = new RailwaySimulator({ clock, seed: 'test', rate: unlimited, ...options });
  return { simulator, rental: buildRental(simulator), clock };
}

type HeadersOf = Readonly<Record<string, string>>;

export const bearer = ({ secret }: { secret: string }): HeadersOf => ({
  authorization: `Bearer ${secret}`,
});

export const projectHeader = ({ secret }: { secret: string }): HeadersOf => ({
  'project-access-token': secret,
});

export interface Answered {
  readonly status: number;
  readonly headers: HeadersOf;
  readonly data: Record<string, unknown> | null;
  readonly errors: readonly { message: string; extensions?: { code?: string } }[];
}

/** Sends one request and reads the answer as JSON. @throws {Error} if the connection was cut. */
export async function ask(
  { simulator }: Pick<Railway, 'simulator'>,
  headers: HeadersOf,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answered> {
  const answer = await simulator.handle({
    method: 'POST',
    path: ENDPOINT_PATH,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify({ query, variables })),
  });
  if (answer === 'cut') throw new Error('cut');
  const { data = null, errors = [] } = JSON.parse(answer.body);
  return { status: answer.status, headers: { ...answer.headers }, data, errors };
}

/** What happened while the function ran, but for what was only read, as `<effect> <object>`. */
export async function effectsOf(
  { simulator }: Pick<Railway, 'simulator'>,
  run: () => Promise<unknown>,
): Promise<Effect[]> {
  const before = simulator.effects.length;
  await run();
  return simulator.effects.slice(before).filter(({ effect }) => effect !== 'read');
}

export const inWords = (effects: readonly Effect[]): string[] =>
  effects.map(({ effect, object }) => `${effect} ${object}`);
