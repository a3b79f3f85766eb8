/**
 * What the present configuration leaves open, for admins and auditors: what was signed, what runs, what the
 * targets leave open, and what this server's own machine says. Every finding is one of a closed list.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Connection } from '@countersign/authority';
import {
  type DoctorView,
  type Finding,
  foundAbout,
  foundOpen,
  inOrder,
} from '@countersign/contract';
import { fromInstant, MAX_CLOCK_SKEW, toInstant } from '@countersign/core';
import { decodeEntry } from '@countersign/ledger';
import { checkConnection } from './connection-checks.ts';
import type { Deps } from './deps.ts';
import { examineAuthority, longGrants, settledGrants } from './examine-authority.ts';
import { countLeases } from './revoke.ts';
import { requireRole } from './roles.ts';
import { countUsage } from './usage.ts';
import type { HumanCaller } from './use-cases.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Milliseconds of skew that are worth a word: a fifth of what ends every decision. */
const NOTABLE_SKEW = MAX_CLOCK_SKEW / 5;
/** Days a key-encryption key may stay. */
const KEK_DAYS = 365;
/** Days a token key signs, and a day in which its successor may be late. */
const TOKEN_KEY_DAYS = 31;
/** Entries looked through for the latest rotation of the key-encryption key. */
const ROTATIONS = 500;
/** Milliseconds a check of a connection is good for. */
const FRESH = DAY;
/** How many connections are looked at for one who asks, how many at once, and for how long (ms). */
const CHECKS = { most: 32, atOnce: 4, patience: 10_000 };
/** Milliseconds that uses not counted yet are waited for. */
const PATIENCE = 2_000;
/** Grants looked at before others have their turn. */
const AT_ONCE = 500;

/** @throws CountersignError `forbidden`, `broker_unavailable` */
export async function doctor(deps: Deps, caller: HumanCaller): Promise<DoctorView> {
  const { state } = deps.authority;
  requireRole(state, caller, ['admin', 'auditor']);
  // For somebody who is an auditor only, no target is asked: the last look at each counts.
  const mayAsk = state.humans.get(caller.human)?.roles.includes('admin') === true;
  const found = await Promise.all([
    examineAuthority(state),
    examineGrants(deps),
    examineRunning(deps),
    examineKeys(deps),
    examineConnections(deps, mayAsk),
    deps.examineHost(),
  ]);
  return { checked_at: toInstant(deps.clock.now()), findings: inOrder(found.flat()) };
}

async function examineGrants(deps: Deps): Promise<Finding[]> {
  const { state } = deps.authority;
  const now = Math.max(deps.clock.now(), fromInstant(state.time));
  await countUsage(deps, PATIENCE);
  const grants = [...state.grants.values()].filter(
    ({ revokedAt, until }) => revokedAt === null && now < until,
  );
  const [long, unused]: [string[], string[]] = [[], []];
  for (let at = 0; at < grants.length; at += AT_ONCE) {
    const some = grants.slice(at, at + AT_ONCE);
    long.push(...longGrants(state, some, now));
    const settled = settledGrants(state, some, now);
    const used = new Set((await deps.usage.of(settled, now)).map(({ subject }) => subject));
    unused.push(...settled.filter((id) => !used.has(id)));
    await turn();
  }
  return [...foundAbout('grants_long', long), ...foundAbout('grants_unused', unused)];
}

async function examineRunning(deps: Deps): Promise<Finding[]> {
  const [{ clockSkew }, leases] = await Promise.all([deps.journal.head(), countLeases(deps)]);
  const skew = Math.round(Math.abs(clockSkew));
  const quiet = deps.pulse.since();
  return [
    ...foundOpen(skew > NOTABLE_SKEW, 'clock_skew', [`${skew}`]),
    ...foundOpen(leases.latest > MINUTE, 'leases_late', [`${leases.due}`]),
    ...foundOpen(leases.troubled > 0, 'leases_troubled', [`${leases.troubled}`]),
    ...foundOpen(quiet === null || quiet > MINUTE, 'background_stopped'),
    ...foundAbout('background_failing', deps.pulse.ailing()),
  ];
}

async function examineKeys(deps: Deps): Promise<Finding[]> {
  const now = deps.clock.now();
  const present = deps.tokenKeys.list().find((key) => key.state === 'present');
  const isOverdue = present === undefined || now - present.signsFrom > TOKEN_KEY_DAYS * DAY;
  const since = await kekSince(deps);
  const days = since === null ? 0 : Math.floor((now - since) / DAY);
  return [
    ...foundOpen(days > KEK_DAYS, 'kek_due', [`${days}`]),
    ...foundOpen(isOverdue, 'token_key_due'),
  ];
}

/** Milliseconds: when the present key-encryption key took its place, as the ledger has it; null before genesis. */
async function kekSince(deps: Deps): Promise<number | null> {
  const query = { after: null, agent: null };
  const rotations = await deps.journal.page({
    ...query,
    limit: ROTATIONS,
    descending: true,
    types: ['keys.rotated'],
  });
  const latest = rotations.find(({ bytes }) => {
    try {
      return decodeEntry(bytes).body['key'] === 'kek';
    } catch {
      return false;
    }
  });
  const [first] = await deps.journal.page({ ...query, limit: 1, descending: false, types: null });
  const entry = latest ?? first;
  return entry === undefined ? null : fromInstant(entry.time);
}

async function examineConnections(deps: Deps, mayAsk: boolean): Promise<Finding[]> {
  const present = [...deps.authority.state.connections.values()].filter(
    ({ removedAt }) => removedAt === null,
  );
  if (mayAsk)
    await lookAgain(
      deps,
      present.filter((each) => !isFresh(deps, each)),
    );
  const known = present.map((connection) => ({
    name: connection.name,
    view: isFresh(deps, connection) ? (deps.checks.last(connection)?.view ?? null) : null,
  }));
  const namesOf = (which: (one: (typeof known)[number]) => boolean) =>
    known.filter(which).map(({ name }) => name);
  return [
    ...foundAbout(
      'connection_unchecked',
      namesOf(({ view }) => view === null),
    ),
    ...foundAbout(
      'connection_failing',
      namesOf(({ view }) => view?.ok === false),
    ),
    ...foundAbout(
      'escapes_open',
      namesOf(({ view }) => view?.escapes.some(({ accepted }) => !accepted) === true),
    ),
  ];
}

function isFresh(deps: Deps, connection: Connection): boolean {
  const last = deps.checks.last(connection);
  return last !== null && deps.clock.now() - last.at < FRESH;
}

/** Looks at some of them, for as long as somebody waits; who does not answer stays unchecked. */
async function lookAgain(deps: Deps, connections: readonly Connection[]): Promise<void> {
  const queue = connections.slice(0, CHECKS.most);
  const until = performance.now() + CHECKS.patience;
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (performance.now() > until) return;
      await checkConnection(deps, next).catch(() => undefined);
    }
  };
  const looking = Promise.all(Array.from({ length: CHECKS.atOnce }, worker));
  const patience = AbortSignal.timeout(CHECKS.patience);
  await Promise.race([
    looking,
    new Promise((resolve) => patience.addEventListener('abort', resolve, { once: true })),
  ]);
}
