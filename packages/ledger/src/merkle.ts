/**
 * The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962 section 2.1) with SHA-256: roots,
 * proofs, and their verification. Sizes go to 2^53, so indices are halved by division: shifts have
 * 32 bits.
 */
import { hash } from 'node:crypto';
import { inputError } from '@countersign/core';

export const HASH_BYTES = 32;

const LEAF = Buffer.of(0x00);
const NODE = Buffer.of(0x01);

/** `SHA-256(0x00 ‖ bytes)`. */
export function leafHash(bytes: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([LEAF, bytes]), 'buffer');
}

/** `SHA-256(0x01 ‖ left ‖ right)`. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}

/** The root of the tree without leaves: SHA-256 of nothing. */
export function emptyRoot(): Uint8Array {
  return hash('sha256', Buffer.alloc(0), 'buffer');
}

/** MTH of RFC 9162 section 2.1.1 over leaf hashes. */
export function rootOf(leafHashes: readonly Uint8Array[]): Uint8Array {
  return rootBetween(leafHashes, 0, leafHashes.length);
}

/**
 * PATH of RFC 9162 section 2.1.3.1, from the leaf up. Throws `invalid_request` for an index outside
 * the tree.
 */
export function inclusionPath(leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!isCount(index) || index >= leafHashes.length) {
    throw inputError('invalid_request', 'The index is not in the tree.');
  }
  const path: Uint8Array[] = [];
  let start = 0;
  let end = leafHashes.length;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      path.push(rootBetween(leafHashes, middle, end));
      end = middle;
    } else {
      path.push(rootBetween(leafHashes, start, middle));
      start = middle;
    }
  }
  return path.reverse();
}

/**
 * PROOF of RFC 9162 section 2.1.4.1 from the tree of the first `first` leaves to the whole. Empty
 * from the empty tree and from the whole. Throws `invalid_request` when `first` is larger than the
 * tree.
 */
export function consistencyProof(leafHashes: readonly Uint8Array[], first: number): Uint8Array[] {
  if (!isCount(first) || first > leafHashes.length) {
    throw inputError('invalid_request', 'The first tree is larger than the second.');
  }
  if (first === 0) return [];
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = leafHashes.length;
  while (end !== first) {
    const middle = start + splitOf(end - start);
    if (first <= middle) {
      proof.push(rootBetween(leafHashes, middle, end));
      end = middle;
    } else {
      proof.push(rootBetween(leafHashes, start, middle));
      start = middle;
    }
  }
  // SUBPROOF's flag b: a complete left subtree that is the first tree itself is known to the verifier.
  if (start !== 0) proof.push(rootBetween(leafHashes, start, end));
  return proof.reverse();
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  /** The leaf's hash. */
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** RFC 9162 section 2.1.3.2. False for anything malformed. */
export function verifyInclusion({ index, size, leaf, root, path }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (![leaf, root, ...path].every(isHash)) return false;
  let node = index;
  let last = size - 1;
  let reached = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      reached = nodeHash(sibling, reached);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      reached = nodeHash(reached, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equalHashes(reached, root);
}

export interface ConsistencyClaim {
  readonly first: number;
  readonly second: number;
  readonly firstRoot: Uint8Array;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * RFC 9162 section 2.1.4.2. False for anything malformed. The standard leaves out the empty first
 * tree: here it is consistent with every tree, by the empty proof, if its root is the empty root.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { first, second, firstRoot, secondRoot, proof } = claim;
  if (!isCount(first) || !isCount(second) || first > second) return false;
  if (![firstRoot, secondRoot, ...proof].every(isHash)) return false;
  if (first === second) {
    return proof.length === 0 && equalHashes(firstRoot, secondRoot);
  }
  if (first === 0) return proof.length === 0 && equalHashes(firstRoot, emptyRoot());
  if (proof.length === 0) return false;
  const [seed, ...rest] = isPowerOfTwo(first) ? [firstRoot, ...proof] : proof;
  if (seed === undefined) return false;
  let node = first - 1;
  let last = second - 1;
  while (isOdd(node)) {
    node = half(node);
    last = half(last);
  }
  let reachedFirst = seed;
  let reachedSecond = seed;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      reachedFirst = nodeHash(sibling, reachedFirst);
      reachedSecond = nodeHash(sibling, reachedSecond);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      reachedSecond = nodeHash(reachedSecond, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return (
    last === 0 && equalHashes(reachedFirst, firstRoot) && equalHashes(reachedSecond, secondRoot)
  );
}

/** True for an index or a size: an integer from 0 to 2^53 − 1. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}

export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Copies of the concatenated hashes. The caller has checked the length. */
export function splitHashes(bytes: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES) {
    hashes.push(Buffer.from(bytes.subarray(at, at + HASH_BYTES)));
  }
  return hashes;
}

function rootBetween(leafHashes: readonly Uint8Array[], start: number, end: number): Uint8Array {
  const only = leafHashes[start];
  if (end === start || only === undefined) return emptyRoot();
  if (end - start === 1) return only;
  const middle = start + splitOf(end - start);
  return nodeHash(rootBetween(leafHashes, start, middle), rootBetween(leafHashes, middle, end));
}

/** The largest power of two smaller than `size`, for sizes above one. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (!isOdd(rest)) rest = half(rest);
  return rest === 1;
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
