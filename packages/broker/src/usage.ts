/**
 * Counts what the ledger's decisions say, a few thousand entries at a time, so that a report reads days
 * instead of entries. What cannot be read counts as nothing here: naming it is the audit's business.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { DENIAL_CODES, isUuid } from '@countersign/core';
import type { Deps } from './deps.ts';
import type { JournalEntry, UsageCount } from './ports.ts';

/** Entries in one step, whose counts are added together: the same agents come up again and again. */
const STEP = 8_192;
/** Counts that end a step early: they are added within the time the database gives a statement. */
const MOST_COUNTS = 4_096;
/** Entries read before others have their turn. */
const AT_ONCE = 64;
/** Characters: stages, codes and thumbprints are shorter. */
const LONGEST_WHAT = 100;

type DayCount = UsageCount & { readonly day: string };
type Members = Readonly<Record<string, unknown>>;

/**
 * Counts until there is nothing left, or for about `patience` ms.
 * @returns how many entries are counted, and of how many
 */
export async function countUsage(
  deps: Pick<Deps, 'journal' | 'usage'>,
  patience: number,
): Promise<{ readonly entries: number; readonly of: number }> {
  const until = performance.now() + patience;
  const { size } = await deps.journal.head();
  let entries = await deps.usage.counted();
  if (entries > size) {
    // A ledger that lost entries, or another one: what was counted is not its own.
    await deps.usage.restart();
    entries = 0;
  }
  while (entries < size && performance.now() < until) {
    let to = Math.min(size, entries + STEP);
    const counts = new Map<string, DayCount>();
    for await (const entry of deps.journal.read(entries, to)) {
      count(counts, entry);
      if (entry.index % AT_ONCE === 0) await turn();
      if (counts.size < MOST_COUNTS) continue;
      to = entry.index + 1;
      break;
    }
    await deps.usage.add(entries, to, [...counts.values()]);
    // Another server may have been faster, or further.
    entries = await deps.usage.counted();
  }
  return { entries, of: size };
}

function count(counts: Map<string, DayCount>, entry: JournalEntry): void {
  const add = (subject: unknown, kind: UsageCount['kind'], what: unknown, times = 1): void => {
    if (typeof subject !== 'string' || !isUuid(subject)) return;
    if (typeof what !== 'string' || what.length > LONGEST_WHAT || !(times > 0)) return;
    const day = entry.time.slice(0, 10);
    const key = `${subject} ${kind} ${what} ${day}`;
    const lastAt = Date.parse(entry.time);
    counts.set(key, {
      ...{ subject, kind, what, day, lastAt },
      count: (counts.get(key)?.count ?? 0) + times,
    });
  };
  const body = bodyOf(entry);
  if (entry.type === 'decision') countDecision(add, body);
  if (entry.type === 'session.opened') add(body['human'], 'session', body['kid']);
  if (entry.type === 'denials.summed') {
    // The first of them is a decision of its own.
    add(body['agent'], 'denied', codeIn(body), Number(body['count']) - 1);
  }
}

type Add = (subject: unknown, kind: UsageCount['kind'], what: unknown) => void;

function countDecision(add: Add, body: Members): void {
  const { verdict, agent, stage, grants, credential } = body;
  if (verdict === 'denied') add(agent, 'denied', codeIn(body));
  if (verdict !== 'allowed') return;
  add(agent, 'allowed', stage);
  add(agent, 'credential', credential);
  // Minting a token uses nothing: a grant is used by a lease, a run or a request.
  if (stage === 'issue' || !Array.isArray(grants)) return;
  for (const grant of grants) add(grant, 'grant', '');
}

function codeIn({ code }: Members): string | null {
  return DENIAL_CODES.find((known) => known === code) ?? null;
}

function bodyOf(entry: JournalEntry): Members {
  try {
    const read: unknown = JSON.parse(Buffer.from(entry.bytes).toString('utf8'));
    return membersOf(membersOf(read)['body']);
  } catch {
    return {};
  }
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
