/** The ways one step can fail, and one run of an operation in which one of them happens. */
import type { Strike, Watch, Wire } from '../support/wire-proxy.ts';
import type { Auditor } from './invariants.ts';
import { type Operation, outcomeOf } from './operations.ts';
import { LONG, type Rig } from './rig.ts';

/** More than any operation has; an operation that never ends is a finding of its own. */
const MOST_STEPS = 200;

/** Where a step can be struck. */
export type Breakable = Pick<Wire, 'watch' | 'rest' | 'down' | 'up'>;

export interface Fault {
  readonly name: string;
  readonly strike: (rig: Rig) => Omit<Strike, 'at'>;
  /** Costs a new server process. */
  readonly kills?: boolean;
  /** Only steps like these can fail so. */
  readonly only?: RegExp;
}

const OPENING = /^a session opens$/;
/** What a full disk stops: anything that writes. */
const WRITING = /\b(insert|update|delete|create|alter|grant|drop|reassign|commit)\b/i;

export const FAULTS: readonly Fault[] = [
  {
    name: 'SIGKILL before the step',
    kills: true,
    strike: (rig) => ({ when: 'before', meanwhile: rig.kill, sees: 'drop' }),
  },
  {
    name: 'SIGKILL after the step, before its answer',
    kills: true,
    strike: (rig) => ({ when: 'after', meanwhile: rig.kill, sees: 'drop' }),
  },
  { name: 'the step is lost', strike: () => ({ when: 'before', sees: 'drop' }) },
  { name: 'the step is done and reported failed', strike: () => ({ when: 'after', sees: 'drop' }) },
  {
    name: 'disk full (53100)',
    only: WRITING,
    strike: () => ({ when: 'before', sees: { severity: 'ERROR', sqlstate: '53100' } }),
  },
  {
    name: 'serialization failure (40001)',
    only: WRITING,
    strike: () => ({ when: 'before', sees: { severity: 'ERROR', sqlstate: '40001' } }),
  },
  {
    name: 'out of connections (53300)',
    only: OPENING,
    strike: () => ({ when: 'before', sees: { severity: 'FATAL', sqlstate: '53300' } }),
  },
  {
    name: 'shut down before the step (57P01)',
    strike: () => ({ when: 'before', sees: { severity: 'FATAL', sqlstate: '57P01' } }),
  },
  {
    name: 'shut down after the step (57P01)',
    strike: () => ({ when: 'after', sees: { severity: 'FATAL', sqlstate: '57P01' } }),
  },
];

/** One run. @returns the steps, which one was struck, and what did not hold */
export async function runWith(
  rig: Rig,
  auditor: Auditor,
  operation: Operation,
  wire: Breakable,
  strike: Strike | null,
): Promise<{ readonly watch: Watch; readonly wrong: readonly string[] }> {
  const { exitCode, signalCode } = rig.server().process;
  if (exitCode !== null || signalCode !== null) {
    throw new Error(`the server ended by itself: ${rig.server().output()}`);
  }
  const attempt = await operation.prepare(rig);
  if (strike?.matching?.source === OPENING.source) {
    // Every session has to be opened anew.
    wire.down();
    wire.up();
  }
  const watch = wire.watch(strike);
  const outcome = await outcomeOf(attempt.run());
  await wire.rest();
  await rig.restart();
  // By two answers later the server has noticed which of its idle connections are gone.
  for (let i = 0; i < 2; i += 1) await rig.alice.client.call('broker', {});
  const wrong: string[] = [];
  await attempt.after(outcome).catch((error: unknown) => {
    wrong.push(`${outcome.kind}: ${error instanceof Error ? error.message : 'unknown'}`);
  });
  wrong.push(...(await auditor.look()));
  return { watch, wrong };
}

/**
 * A fault at one step after the other, in the short form until it struck one.
 * @returns what did not hold, and how many steps were struck
 */
export async function strikeEach(
  rig: Rig,
  auditor: Auditor,
  {
    operation,
    wire,
    steps,
  }: {
    readonly operation: Operation;
    readonly wire: Breakable;
    readonly steps: readonly string[];
  },
  fault: Fault & { readonly turn: number },
): Promise<{ readonly found: readonly string[]; readonly struck: number }> {
  const found: string[] = [];
  let struck = 0;
  const run = async (strike: Strike): Promise<boolean> => {
    const { watch, wrong } = await runWith(rig, auditor, operation, wire, strike);
    for (const each of wrong) found.push(`at ${watch.struck}: ${each}`);
    if (watch.struck !== null) struck += 1;
    return watch.struck !== null;
  };
  if (LONG && fault.only === undefined) {
    for (let at = 1; at < MOST_STEPS; at += 1) {
      if (!(await run({ ...fault.strike(rig), at }))) break;
    }
  } else {
    for (const strike of strikesFor(rig, fault, steps, fault.turn)) {
      if (await run(strike)) break;
    }
  }
  return { found, struck };
}

/**
 * The short form: kinds of step from another one on for each fault, so that together they go round. Some
 * may be of work in the background, which is not there each time.
 */
function strikesFor(
  rig: Rig,
  fault: Fault,
  steps: readonly string[],
  turn: number,
): readonly Strike[] {
  if (fault.only === OPENING) return [{ ...fault.strike(rig), at: 1, matching: OPENING }];
  // Only where something may be left half done.
  const kinds = fault.kills === true ? WRITING : fault.only;
  const possible = [...new Set(steps.filter((step) => kinds === undefined || kinds.test(step)))];
  const first = (turn * 2) % Math.max(possible.length, 1);
  return [...possible.slice(first), ...possible.slice(0, first)].map((step) => ({
    ...fault.strike(rig),
    at: 1,
    matching: exactly(step),
  }));
}

function exactly(step: string): RegExp {
  return new RegExp(`^${step.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}
