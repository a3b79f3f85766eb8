/**
 * What the tree of a head holds (Law 1): a row of `entries` is believed for its leaf hash and the path from
 * there to a peak of a head that was verified, and for nothing else that stands in it. O(log n) reads each.
 */
import { type CompactRange, rootOf, TILE_WIDTH } from '@countersign/ledger';
import type { Querier } from './database.ts';
import { isEqual, type LedgerHead } from './head.ts';
import { hashesBelow } from './tiles.ts';

/**
 * Whether the leaf stands at that place. `head` is one that was verified; the hashes beside the path are the
 * database's word, and a wrong one leads to no peak.
 */
export async function isInTree(
  sql: Querier,
  { range }: Pick<LedgerHead, 'range'>,
  index: number,
  leaf: Uint8Array,
): Promise<boolean> {
  const peak = peakOver(range, index);
  if (peak === null) return false;
  let { start, span } = peak;
  let node = index;
  let hash = leaf;
  for (let level = 0; span > 1; level += 1) {
    const width = Math.min(span, TILE_WIDTH);
    const place = (node - start) % width;
    const beside = await hashesBelow(sql, level, node - place, width);
    hash = rootOf(beside.with(place, hash));
    node = Math.floor(node / TILE_WIDTH);
    start = Math.floor(start / TILE_WIDTH);
    span = Math.floor(span / TILE_WIDTH);
  }
  return isEqual(hash, peak.hash);
}

interface Peak {
  /** Index of its first leaf; a multiple of `span`. */
  readonly start: number;
  /** Leaves below it: a power of two. */
  readonly span: number;
  readonly hash: Uint8Array;
}

/** The peak over a leaf; null where the tree has no such leaf. */
function peakOver({ size, peaks }: CompactRange, index: number): Peak | null {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return null;
  let start = 0;
  for (const hash of peaks) {
    let span = 1;
    while (span * 2 <= size - start) span *= 2;
    if (index < start + span) return { start, span, hash };
    start += span;
  }
  return null;
}

/**
 * The range of the first `size` entries as tiles and, at the right edge, leaf hashes have it. Nobody vouches
 * for it until what follows is appended and comes to the root of a head.
 */
export async function rangeAt(sql: Querier, size: number): Promise<CompactRange> {
  const peaks: Uint8Array[] = [];
  let level = 0;
  for (let span = TILE_WIDTH; span <= size; span *= TILE_WIDTH) level += 1;
  for (; level >= 0; level -= 1) {
    const end = Math.floor(size / TILE_WIDTH ** level);
    const nodes = end % TILE_WIDTH;
    const hashes = nodes === 0 ? [] : await hashesBelow(sql, level, end - nodes, nodes);
    for (let width = TILE_WIDTH / 2, from = 0; width >= 1; width /= 2) {
      if ((nodes & width) === 0) continue;
      peaks.push(rootOf(hashes.slice(from, from + width)));
      from += width;
    }
  }
  return { size, peaks };
}
