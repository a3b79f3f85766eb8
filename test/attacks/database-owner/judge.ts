/**
 * One edit, judged: made under a server that runs, then met by one that starts. What it led to is the
 * strongest word that anybody heard of it.
 */
import { CountersignError } from '@countersign/core';
import type postgres from 'postgres';
import {
  type Attempted,
  type Audited,
  audit,
  openServer,
  type Server,
  tryToGain,
} from './attempts.ts';
import { HONEST, type Scene, UNTOUCHED } from './scene.ts';

/**
 * refused: no server starts on it. named: one starts, and `audit verify` names it. told: the log of a server
 * says so. halted: nobody is told by name, and what needs what was edited is refused (`broker_unavailable`).
 * remembered: only who saw more knows, a server that ran meanwhile or a person's profile. harmless: nothing
 * that anybody relies on.
 */
export type Outcome = 'refused' | 'named' | 'told' | 'halted' | 'remembered' | 'harmless';

export interface Verdict {
  readonly outcome: Outcome;
  /** Authority that nobody gave. */
  readonly gained: readonly string[];
  /** What of it was gained at the server that ran meanwhile. */
  readonly gainedAtRunning: readonly string[];
  /** What was said, for whoever reads a failure. */
  readonly said: readonly string[];
}

/** Null: there is no such edit here, and nothing was made. */
export type Edit = (sql: postgres.Sql, scene: Scene) => Promise<unknown>;

let databases = 0;

/** A copy of the scene's database, of this judgement alone. */
async function copyOf(scene: Scene): Promise<{ name: string; drop(): Promise<void> }> {
  databases += 1;
  const name = `edited_${databases}`;
  const owner = scene.connect('postgres');
  await owner.unsafe(`create database ${name} template ${UNTOUCHED} strategy file_copy`);
  return {
    name,
    async drop() {
      await owner.unsafe(`drop database ${name} with (force)`);
      await owner.end();
    },
  };
}

export async function judge(scene: Scene, edit: Edit): Promise<Verdict> {
  const copy = await copyOf(scene);
  const servers: Server[] = [];
  const hand = scene.connect(copy.name);
  const said: string[] = [];
  try {
    const running = await unedited(() => openServer(scene, copy.name));
    servers.push(running);
    if ((await edit(hand, scene)) === null) return NOTHING_MADE;
    // First, since a server that runs may write over what was edited, from what it knows.
    const started = await openServer(scene, copy.name).catch((error: unknown) => {
      said.push(`start: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    });
    if (started !== null) servers.push(started);
    const during = await tryToGain(scene, running);
    const after = started === null ? null : await tryToGain(scene, started);
    const audited = await audit(scene, started ?? running);
    // What each server looks for once a minute, and when it starts, is found by one that starts now.
    if (started !== null) {
      const later = await openServer(scene, copy.name).catch(() => null);
      if (later !== null) servers.push(later);
    }
    // What goes on behind a server is done and said by then.
    for (const server of servers) await server.stop();
    said.push(
      ...new Set([audited.names, audited.remembers].filter((text) => text !== null)),
      ...servers.flatMap((server) => server.log),
      `refusals: ${[...during.refusals].sort().join(' ')} | ${[...(after?.refusals ?? [])].sort().join(' ')}`,
    );
    return {
      outcome: outcomeOf({ audited, servers, during, after }),
      gainedAtRunning: during.gained,
      gained: [...during.gained, ...(after?.gained ?? []), ...overuse(during, after)],
      said,
    };
  } finally {
    await hand.end({ timeout: 1 });
    for (const server of servers) await server.stop().catch(() => undefined);
    await copy.drop();
  }
}

/** Nothing is edited yet, so a start that fails says only how busy the machine is. */
async function unedited<T>(start: () => Promise<T>): Promise<T> {
  for (let again = 2; again > 0; again -= 1) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof CountersignError) || error.code !== 'broker_unavailable') throw error;
    }
  }
  return await start();
}

const NOTHING_MADE: Verdict = {
  outcome: 'harmless',
  gained: [],
  gainedAtRunning: [],
  said: [],
};

function overuse(during: Attempted, after: Attempted | null): string[] {
  const leases = during.honestLeases + (after?.honestLeases ?? 0);
  return leases > HONEST.usesLeft ? [`${leases} uses where ${HONEST.usesLeft} was left`] : [];
}

function outcomeOf(heard: {
  readonly audited: Audited;
  /** The one that ran meanwhile first. */
  readonly servers: readonly Server[];
  readonly during: Attempted;
  /** Null: the other did not start. */
  readonly after: Attempted | null;
}): Outcome {
  const { audited, servers, during, after } = heard;
  const [running, ...others] = servers;
  if (after === null) return 'refused';
  if (audited.names !== null) return 'named';
  const knew = running?.log.some((line) => KNEW_BETTER.test(line)) === true;
  if (others.some(speaksOfIt) || (!knew && running !== undefined && speaksOfIt(running))) {
    return 'told';
  }
  if (after.refusals.has('broker_unavailable')) return 'halted';
  const halted = during.refusals.has('broker_unavailable');
  return knew || halted || audited.remembers !== null ? 'remembered' : 'harmless';
}

function speaksOfIt({ log }: Server): boolean {
  return log.some((line) => SPEAKS_OF_IT.test(line));
}

/** Who saw more says so of itself. */
const KNEW_BETTER = /not the one this server knows/;
/** Not of a slow database, nor of leases that an edit before this one left at the target they all share. */
const SPEAKS_OF_IT = new RegExp(
  [
    'not the one this server knows',
    'a use counter was set back',
    'was edited in the database',
    'has no effect; run',
    'does not open',
    'credential is not in the database',
    'not a pair',
    'token key',
    'SQLSTATE (?!57014|55P03|08|57P)',
    // What it had still to write was refused.
    'a step of the stop failed',
  ].join('|'),
);
