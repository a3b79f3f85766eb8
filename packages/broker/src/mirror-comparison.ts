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
import {
  checkpointName,
  checkpointsOf,
  claimedPoint,
  decodeMirrored,
  decodePoint,
  entriesOf,
  entryName,
  everyName,
  indexOf,
  LINES,
  type Line,
  lineOf,
  type MirroredEntry,
  type MirrorPoint,
  sizeOf,
} from './mirror-objects.ts';
import type { Journal, Mirror, PresentHead, Restorer } from './ports.ts';

/** Objects read at once. */
const AT_ONCE = 16;

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

export interface Compared {
  readonly mirror: Mirror;
  readonly journal: Journal;
  readonly restorer: Restorer;
  readonly state: AuthorityState;
  /** 32 bytes: what genesis names. */
  readonly ledgerKey: Uint8Array;
}

/** Thrown where something is in doubt, and answered as `doubtful`. */
class Doubt extends Error {}

/** @throws whatever reading the mirror or the database throws */
export async function compareWithMirror(compared: Compared): Promise<Comparison> {
  const { mirror, journal, state } = compared;
  const lines = await knownLines(mirror);
  const newest = lines.at(-1) ?? null;
  const own = presentLine(state);
  if (newest === null) return { kind: 'unwritten', line: own, isEmpty: true };
  const point = await newestPoint(mirror, newest);
  const named = (point === null ? null : claimedPoint(point)) ?? NOTHING;
  try {
    if (own.number > newest.number) return beyond(state, named);
    if (lines.filter(({ number }) => number === newest.number).length > 1) {
      throw new Doubt('it holds two histories that both go on from the same point');
    }
    return await compareLine(compared, newest, pointOf(compared.ledgerKey, point));
  } catch (error) {
    const why = doubtOf(error);
    const { size, root } = await journal.head();
    const database = nameOf({ size, root });
    return { kind: 'doubtful', why, found: { mirror: named, database, newest: newest.number } };
  }
}

const NOTHING: TreeName = nameOf({ size: 0, root: emptyRoot() });

function nameOf({ size, root }: { size: number; root: Uint8Array }): TreeName {
  return { size, root: Buffer.from(root).toString('base64url') };
}

/** The words of a doubt, or of what cannot be read; anything else goes on. */
function doubtOf(error: unknown): string {
  if (error instanceof Doubt) return error.message;
  // What is malformed or not signed; not what the database or the storage said.
  if (error instanceof CountersignError && error.code === 'invalid_request') {
    return `what it holds is not this broker's: ${error.message.replace(/\.$/, '')}`;
  }
  throw error;
}

async function knownLines(mirror: Mirror): Promise<readonly Line[]> {
  const names = await everyName(mirror, LINES, null);
  const lines = names.flatMap((name) => lineOf(name) ?? []);
  return lines.sort((a, b) => a.number - b.number);
}

async function newestPoint(mirror: Mirror, line: Line): Promise<Uint8Array | null> {
  const [name] = await mirror.list(checkpointsOf(line), { after: null, limit: 1 });
  return name === undefined ? null : await mirror.get(name);
}

function pointOf(ledgerKey: Uint8Array, bytes: Uint8Array | null): MirrorPoint {
  if (bytes === null) throw new Doubt('its checkpoints are gone');
  return decodePoint(bytes, ledgerKey);
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
function beyond(state: AuthorityState, { size, root }: TreeName): Comparison {
  const restored = latestRestoration(state);
  if (restored?.mirror.size !== size || restored.mirror.root !== root) {
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
async function requirePrefix(
  { mirror, restorer, ledgerKey }: Compared,
  line: Line,
  head: PresentHead,
): Promise<void> {
  const [name] = await mirror.list(checkpointsOf(line), {
    after: checkpointName(line, head.size + 1),
    limit: 1,
  });
  if (name === undefined) return;
  const point = pointOf(ledgerKey, await mirror.get(name));
  if (point.size !== sizeOf(name)) throw new Doubt('a checkpoint has the name of another one');
  await requireSigned(restorer, point);
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
