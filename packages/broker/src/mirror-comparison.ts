/**
 * The database held against its mirror (Law 1): equal or ahead, behind with every statement at hand, or in
 * doubt. The chain over authority entries decides: of the mirror's it is signed, of the head it has a MAC.
 */
import {
  type AuthorityState,
  copyOf,
  fold,
  isReadable,
  latestRestoration,
  presentLine,
} from '@countersign/authority';
import { isAuthorityEntryType } from '@countersign/contract';
import { CountersignError, UnfaithfulLedger } from '@countersign/core';
import { decodeEntry, emptyRoot, extendChain, leafHash } from '@countersign/ledger';
import { type Held, requireOneHistory } from './mirror-forks.ts';
import {
  checkpointName,
  checkpointsOf,
  decodeMirrored,
  entriesOf,
  entryName,
  everyName,
  indexOf,
  type Line,
  type MirroredEntry,
  type MirrorPoint,
} from './mirror-objects.ts';
import { AT_ONCE, asDoubt, Doubt, newestPoint, readLines, readPoint } from './mirror-reading.ts';
import type { PresentHead, Restorer } from './ports.ts';

/** As a statement names it. */
export interface TreeName {
  readonly size: number;
  /** base64url. */
  readonly root: string;
}

export type Comparison =
  /** The database has all that the mirror has. */
  | { readonly kind: 'level'; readonly line: Line; readonly from: MirrorPoint }
  /** The mirror has nothing of this line of the ledger. */
  | { readonly kind: 'unwritten'; readonly line: Line; readonly isEmpty: boolean }
  | {
      readonly kind: 'behind';
      readonly head: PresentHead;
      readonly mirror: TreeName;
      /** The latest line there is. */
      readonly line: Line;
      /** Canonical bytes of what the database lacks, in order. */
      readonly missing: readonly Uint8Array[];
      /** Indices in the mirror's tree whose entries are lost; null: none, all of them are at hand. */
      readonly lost: { readonly first: number; readonly last: number } | null;
    }
  | { readonly kind: 'doubtful'; readonly why: string; readonly found: Found };

/** What stands beside each other where only humans can say which is right. */
export interface Found {
  readonly mirror: TreeName;
  readonly database: TreeName;
  /** Every line the mirror knows has a smaller or equal number. */
  readonly newest: number;
}

export interface Compared extends Held {
  readonly state: AuthorityState;
}

/** @throws whatever reading the mirror or the database throws */
export async function compareWithMirror(compared: Compared): Promise<Comparison> {
  const { journal, state } = compared;
  const lines = await readLines(compared);
  const own = presentLine(state);
  if (lines.named.length === 0) return { kind: 'unwritten', line: own, isEmpty: true };
  const [newest, another] = lines.newest;
  const point =
    newest === undefined
      ? new Doubt('nothing in it is signed by this broker')
      : await newestPoint(compared, newest).catch(asDoubt);
  // Law 1: humans are shown, and the ledger keeps, what the mirror proves and nothing that it only says.
  const named = point instanceof Doubt ? NOTHING : nameOf(point);
  try {
    if (newest === undefined || own.number > newest.number) {
      return beyond(state, named, lines.named);
    }
    if (another !== undefined) {
      throw new Doubt('it holds two histories that both go on from the same point');
    }
    if (point instanceof Doubt) throw point;
    return await compareLine(compared, newest, point);
  } catch (error) {
    const { message: why } = asDoubt(error);
    const { size, root } = await journal.head();
    const database = nameOf({ size, root });
    return {
      kind: 'doubtful',
      why,
      found: { mirror: named, database, newest: newest?.number ?? 0 },
    };
  }
}

const NOTHING: TreeName = nameOf({ size: 0, root: emptyRoot() });

export function nameOf({ size, root }: { size: number; root: Uint8Array }): TreeName {
  return { size, root: Buffer.from(root).toString('base64url') };
}

async function compareLine(
  compared: Compared,
  newest: Line,
  point: MirrorPoint,
): Promise<Comparison> {
  const { journal, state } = compared;
  const own = presentLine(state);
  if (own.number === newest.number && own.id !== newest.id) {
    throw new Doubt('it has gone on from the same point with another database');
  }
  // After the mirror's: what is there was committed before, so this head counts it.
  const head = await journal.head();
  const missing = await entriesFrom(compared, newest, head.size);
  if (point.size <= head.size) {
    await requireSameHistory(compared, point, head);
    if (missing.length === 0 && own.id === newest.id) {
      await requireOneHistory(compared, newest, new Set());
      return { kind: 'level', line: newest, from: point };
    }
    if (missing.length === 0) throw new Doubt('it has another name for this history');
  }
  await requirePrefix(compared, newest, head);
  return await behind(compared, { line: newest, point, head, missing });
}

/**
 * The database was restored and said so, and the mirror did not hear it: it heard nothing else since. By name
 * only, since two humans may have gone on beside a mirror that proves nothing.
 */
function beyond(
  state: AuthorityState,
  { size, root }: TreeName,
  named: readonly Line[],
): Comparison {
  const restored = latestRestoration(state);
  if (restored === null) throw new Doubt('nothing in it is signed by this broker');
  // What was written over was there before: the mirror did hear it.
  if (named.some(({ id }) => id === restored.line.id)) {
    throw new Doubt('what it had of this database is not signed by this broker');
  }
  if (restored.mirror.size !== size || restored.mirror.root !== root) {
    throw new Doubt('it went on after the database was restored, with another one');
  }
  return { kind: 'unwritten', line: restored.line, isEmpty: false };
}

/** Law 1: every statement that the mirror's checkpoint counts is in the database, in its place. */
async function requireSameHistory(
  { journal, restorer }: Compared,
  point: MirrorPoint,
  head: PresentHead,
): Promise<void> {
  let { chain } = point;
  try {
    for await (const entry of journal.readAuthority(point.size, chain)) {
      if (entry.index >= head.size) break;
      chain = entry.chain;
    }
  } catch (error) {
    // That the database's own statements are whole was seen when they were folded.
    if (!(error instanceof UnfaithfulLedger)) throw error;
  }
  if (!isEqual(chain, head.authorityChain)) {
    throw new Doubt('it has other statements than the database');
  }
  await requireSigned(restorer, point);
}

/** That the checkpoint was signed over this database's own entries. */
async function requireSigned(restorer: Restorer, { size, root }: MirrorPoint): Promise<void> {
  if (!isEqual(await restorer.rootAt(size), root)) {
    throw new Doubt(`the first ${size} entries of the database are not those it has signed for`);
  }
}

/** That the database is the beginning of the mirror's tree, by the latest checkpoint it reaches. */
async function requirePrefix(compared: Compared, line: Line, head: PresentHead): Promise<void> {
  const { mirror, restorer } = compared;
  const [name] = await mirror.list(checkpointsOf(line), {
    after: checkpointName(line, head.size + 1),
    limit: 1,
  });
  if (name === undefined) return;
  await requireSigned(restorer, await readPoint(compared, line, name));
}

async function behind(
  { state }: Compared,
  at: {
    readonly line: Line;
    readonly point: MirrorPoint;
    readonly head: PresentHead;
    readonly missing: readonly MirroredEntry[];
  },
): Promise<Comparison> {
  const { line, point, head, missing } = at;
  let chain = head.authorityChain;
  let counted = chain;
  const copy = copyOf(state);
  let index = head.size;
  for (const entry of missing) {
    chain = extendChain(chain, leafHash(entry.bytes));
    // Law 1: equal chains, equal statements, from the first on; what is left out breaks it.
    if (!isEqual(chain, entry.chain)) {
      throw new Doubt(`statements before its entry ${entry.index} are missing or others`);
    }
    if (entry.index < point.size) counted = chain;
    await replayOn(copy, entry, index);
    index += 1;
  }
  if (point.size > head.size && !isEqual(counted, point.chain)) {
    throw new Doubt(
      `statements are missing in it that its checkpoint of ${point.size} entries counts`,
    );
  }
  const end = Math.max(point.size, (missing.at(-1)?.index ?? -1) + 1);
  const isWhole = missing.length === end - head.size;
  return {
    kind: 'behind',
    head,
    mirror: nameOf(point),
    line,
    missing: missing.map(({ bytes }) => bytes),
    lost: isWhole ? null : { first: head.size, last: end - 1 },
  };
}

/** Law 1: each signature and threshold is judged as ever, at the time it was given. */
async function replayOn(
  copy: AuthorityState,
  mirrored: MirroredEntry,
  index: number,
): Promise<void> {
  const { type, time, body } = decodeEntry(mirrored.bytes);
  if (!isAuthorityEntryType(type) || !isReadable(type, body)) {
    throw new CountersignError(
      'broker_unavailable',
      `Entry ${mirrored.index} of the mirror carries authority that this version cannot read. Upgrade this server.`,
    );
  }
  const refusal = await fold(copy, { index, time, type, body });
  if (refusal !== null) {
    throw new Doubt(
      `its entry ${mirrored.index} carries no authority: ${refusal.message.replace(/\.$/, '')}`,
    );
  }
}

async function entriesFrom(
  { mirror, ledgerKey }: Compared,
  line: Line,
  from: number,
): Promise<readonly MirroredEntry[]> {
  const after = from === 0 ? null : entryName(line, from - 1);
  const names = await everyName(mirror, entriesOf(line), after);
  const entries: MirroredEntry[] = [];
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const read = names.slice(at, at + AT_ONCE).map(async (name) => {
      const bytes = await mirror.get(name);
      if (bytes === null) throw new Doubt(`${name} cannot be read back`);
      const entry = decodeMirrored(bytes, ledgerKey);
      if (entry.index !== indexOf(name)) throw new Doubt(`${name} is the entry ${entry.index}`);
      return entry;
    });
    entries.push(...(await Promise.all(read)));
  }
  return entries;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
