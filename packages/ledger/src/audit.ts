/**
 * The audit of a whole ledger: entries in order against what was claimed about them. It trusts
 * nothing stored beside the bytes, and names the first entry at which the ledger stops being what
 * was published.
 */
import { CountersignError } from '@countersign/core';
import { openCheckpoint } from './checkpoint.ts';
import { decodeEntry, type LedgerEntry } from './entry.ts';
import { equalHashes, HASH_BYTES, leafHash } from './merkle.ts';
import { appendLeaf, emptyRange, rangeRoot } from './range.ts';
import { TILE_WIDTH } from './tiles.ts';

export interface StoredEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** As stored beside the bytes. */
  readonly leafHash: Uint8Array;
}

export interface AuditExpectation {
  readonly size: number;
  readonly root: Uint8Array;
  /** Of this size or of an earlier one; `origin`, where given, must be the checkpoint's. */
  readonly checkpoint?: { readonly vkey: string; readonly note: string; readonly origin?: string };
  /** Roots by size that were seen earlier: each narrows the range in which a change is found. */
  readonly knownRoots?: ReadonlyMap<number, Uint8Array>;
  /**
   * Full tiles of leaf hashes (level 0) by index, null where none is kept: they name a changed
   * entry exactly.
   */
  readonly leafTile?: (index: number) => Promise<Uint8Array | null>;
}

export type AuditReport =
  | { readonly ok: true; readonly size: number; readonly root: Uint8Array }
  | {
      readonly ok: false;
      /** The first bad entry; null when the fault is no single entry's. */
      readonly index: number | null;
      /** One sentence. */
      readonly reason: string;
      /** Where a root differs: the change lies in these entries, both ends included. */
      readonly between?: { readonly first: number; readonly last: number };
    };

type Failure = Extract<AuditReport, { ok: false }>;

/**
 * Reads the entries once, in order, and stops at the first fault: a gap, bytes that are not what
 * was hashed, a form that is not canonical, time running backwards, whatever `onEntry` objects to
 * (a reason, or null), a root that is not the published one, an entry too many or missing. What
 * `entries` or a port throws, it throws.
 */
export async function auditTree(
  entries: AsyncIterable<StoredEntry>,
  expected: AuditExpectation,
  onEntry?: (entry: LedgerEntry, index: number) => Promise<string | null>,
): Promise<AuditReport> {
  const claims = claimedRoots(expected);
  if ('ok' in claims) return claims;
  let tree = emptyRange();
  let agreed = 0;
  let time = '';
  let tile: Uint8Array | null = null;

  const disagreement = (): Failure | null => {
    const claimed = claims.get(tree.size);
    if (claimed === undefined) return null;
    if (!equalHashes(claimed, rangeRoot(tree))) return rootDiffers(agreed, tree.size);
    agreed = tree.size;
    return null;
  };

  const atStart = disagreement();
  if (atStart !== null) return atStart;
  for await (const stored of entries) {
    const index = tree.size;
    if (stored.index !== index) return failure(index, `the next entry is ${stored.index}`);
    if (index >= expected.size) return failure(index, 'the head does not know this entry');
    const leaf = leafHash(stored.bytes);
    if (!equalHashes(leaf, stored.leafHash)) {
      return failure(index, 'its bytes are not those that were hashed');
    }
    if (expected.leafTile !== undefined && index % TILE_WIDTH === 0) {
      tile = await expected.leafTile(index / TILE_WIDTH);
    }
    if (tile !== null && !equalHashes(leaf, leafInTile(tile, index))) {
      return failure(index, 'it is not the entry in the Merkle tile');
    }
    const entry = tryDecode(stored.bytes);
    if (typeof entry === 'string') return failure(index, entry);
    // Law 4: time never runs behind the head. Instants have one form, so text order is time order.
    if (entry.time < time) return failure(index, 'its time is before the entry before it');
    time = entry.time;
    const objection = (await onEntry?.(entry, index)) ?? null;
    if (objection !== null) return failure(index, objection);
    tree = appendLeaf(tree, leaf);
    const differs = disagreement();
    if (differs !== null) return differs;
  }
  if (tree.size < expected.size) {
    return failure(tree.size, `it is missing: the head counts ${expected.size} entries`);
  }
  return { ok: true, size: tree.size, root: rangeRoot(tree) };
}

/** Everything claimed about the tree, by size; or why the claims alone cannot all be true. */
function claimedRoots(expected: AuditExpectation): Map<number, Uint8Array> | Failure {
  const claims = new Map([[expected.size, expected.root]]);
  const published = [...(expected.knownRoots ?? [])];
  if (expected.checkpoint !== undefined) {
    const { note, vkey, origin } = expected.checkpoint;
    const checkpoint = tryOpen(note, vkey);
    if (typeof checkpoint === 'string') return { ok: false, index: null, reason: checkpoint };
    if (origin !== undefined && origin !== checkpoint.origin) {
      return { ok: false, index: null, reason: 'The checkpoint is of another log.' };
    }
    published.push([checkpoint.size, checkpoint.root]);
  }
  for (const [size, root] of published) {
    if (size > expected.size) {
      return failure(expected.size, `it is missing: a published root counts ${size} entries`);
    }
    const claimed = claims.get(size) ?? root;
    if (!equalHashes(claimed, root)) {
      return {
        ok: false,
        index: null,
        reason: `Two different roots are claimed for size ${size}.`,
      };
    }
    claims.set(size, root);
  }
  return claims;
}

function rootDiffers(agreed: number, size: number): Failure {
  if (size === 0) {
    return { ok: false, index: null, reason: 'The root differs from that of an empty tree.' };
  }
  const last = size - 1;
  return {
    ok: false,
    index: agreed === last ? last : null,
    reason: `The root differs: an entry from ${agreed} to ${last} is not what was published.`,
    between: { first: agreed, last },
  };
}

/** A tile too short yields fewer than 32 bytes, which equal no leaf. */
function leafInTile(tile: Uint8Array, index: number): Uint8Array {
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  return tile.subarray(at, at + HASH_BYTES);
}

function failure(index: number, why: string): Failure {
  return { ok: false, index, reason: `Entry ${index}: ${why}.` };
}

function tryDecode(bytes: Uint8Array): LedgerEntry | string {
  return reasonOf(() => decodeEntry(bytes));
}

function tryOpen(note: string, vkey: string) {
  return reasonOf(() => openCheckpoint(note, vkey));
}

/** The answer, or the words of a refusal; anything else that is thrown goes on. */
function reasonOf<T extends object>(attempt: () => T): T | string {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof CountersignError) return error.message;
    throw error;
  }
}
