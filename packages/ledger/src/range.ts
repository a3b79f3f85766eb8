/**
 * The compact range: roots of the complete subtrees that make up a tree, left to right, one for
 * each set bit of its size. It is all one needs to append and to know the root, so the ledger's
 * head keeps it.
 */
import { inputError } from '@countersign/core';
import { emptyRoot, HASH_BYTES, isCount, isHash, nodeHash, splitHashes } from './merkle.ts';

/** Immutable. Largest subtree first. */
export interface CompactRange {
  readonly size: number;
  readonly peaks: readonly Uint8Array[];
}

export function emptyRange(): CompactRange {
  return { size: 0, peaks: [] };
}

/**
 * The range with one more leaf, in O(log n). Throws `invalid_request` at 2^53 − 1 leaves and for
 * what is no hash.
 */
export function appendLeaf(range: CompactRange, leafHash: Uint8Array): CompactRange {
  const size = range.size + 1;
  if (!isCount(size)) throw inputError('invalid_request', 'The tree is full.');
  if (!isHash(leafHash)) throw inputError('invalid_request', 'A leaf hash has 32 bytes.');
  const peaks = [...range.peaks];
  let merged = leafHash;
  for (let rest = range.size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = peaks.pop();
    if (left === undefined) throw notARange();
    merged = nodeHash(left, merged);
  }
  return { size, peaks: [...peaks, merged] };
}

/** The root of the tree, equal to `rootOf` its leaf hashes. */
export function rangeRoot(range: CompactRange): Uint8Array {
  const [smallest, ...larger] = range.peaks.toReversed();
  if (smallest === undefined) return emptyRoot();
  return larger.reduce((right, left) => nodeHash(left, right), smallest);
}

/** The peaks in order, 32 bytes each. The size is stored beside them. */
export function encodeRange(range: CompactRange): Uint8Array {
  return Buffer.concat(range.peaks);
}

/** Throws `invalid_request` unless there are exactly as many peaks as the size has set bits. */
export function decodeRange(size: number, bytes: Uint8Array): CompactRange {
  if (!isCount(size) || bytes.length !== setBits(size) * HASH_BYTES) throw notARange();
  return { size, peaks: splitHashes(bytes) };
}

function setBits(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

function notARange(): Error {
  return inputError('invalid_request', 'The peaks do not make up a tree of this size.');
}
