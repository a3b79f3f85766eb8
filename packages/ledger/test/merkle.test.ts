import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import vectors from '../../../test/vectors/merkle.json' with { type: 'json' };
import {
  consistencyProof,
  emptyRoot,
  inclusionPath,
  leafHash,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text, 'hex');

const LEAVES = vectors.leaves.map((leaf) => leafHash(bytes(leaf)));

/** Distinct leaves, so that no two positions can stand for each other. */
function leavesOf(size: number): Uint8Array[] {
  return Array.from({ length: size }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
}

function flipped(hash: Uint8Array, bit: number): Uint8Array {
  const copy = Buffer.from(hash);
  const at = bit % (copy.length * 8);
  copy.writeUInt8(copy.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3);
  return copy;
}

/** Every way to spoil a list of hashes: cut, lengthened, reordered, one bit changed. */
function spoiled(proof: readonly Uint8Array[], bit: number): Uint8Array[][] {
  const stranger = leafHash(Buffer.from('stranger'));
  return [
    [...proof, stranger],
    [stranger, ...proof],
    [...proof, Buffer.alloc(31)],
    ...proof.map((_, at) => proof.filter((_hash, other) => other !== at)),
    ...proof.map((_, at) => proof.map((hash, n) => (n === at ? flipped(hash, bit) : hash))),
    ...(proof.length > 1 ? [[...proof].reverse()] : []),
  ];
}

describe('vectors', () => {
  test.each(vectors.roots.map((root, size) => ({ size, root })))('root of $size', (vector) => {
    expect(hex(rootOf(LEAVES.slice(0, vector.size)))).toBe(vector.root);
  });

  test('the empty root', () => {
    expect(hex(emptyRoot())).toBe(vectors.roots[0]);
  });

  test.each(vectors.inclusion)('path of $index in $size', ({ index, size, path }) => {
    expect(inclusionPath(LEAVES.slice(0, size), index).map(hex)).toEqual(path);
    const leaf = leafHash(bytes(vectors.leaves[index] ?? 'none'));
    const root = bytes(vectors.roots[size] ?? '');
    expect(verifyInclusion({ index, size, leaf, root, path: path.map(bytes) })).toBe(true);
  });

  test.each(vectors.consistency)('proof from $first to $second', ({ first, second, proof }) => {
    expect(consistencyProof(LEAVES.slice(0, second), first).map(hex)).toEqual(proof);
    const firstRoot = bytes(vectors.roots[first] ?? '');
    const secondRoot = bytes(vectors.roots[second] ?? '');
    const claim = { first, second, firstRoot, secondRoot, proof: proof.map(bytes) };
    expect(verifyConsistency(claim)).toBe(true);
  });
});

const position = fc
  .integer({ min: 1, max: 130 })
  .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1), fc.nat(255)));

describe('inclusion', () => {
  test('holds for every leaf of every small tree', () => {
    for (let size = 1; size <= 40; size += 1) {
      const leaves = leavesOf(size);
      const root = rootOf(leaves);
      leaves.forEach((leaf, index) => {
        const path = inclusionPath(leaves, index);
        expect(verifyInclusion({ index, size, leaf, root, path })).toBe(true);
      });
    }
  });

  test('is refused for a spoiled path, another leaf, index, size or root', () => {
    fc.assert(
      fc.property(position, ([size, index, bit]) => {
        const leaves = leavesOf(size);
        const root = rootOf(leaves);
        const path = inclusionPath(leaves, index);
        const leaf = leaves[index] ?? root;
        const claim = { index, size, leaf, root, path };
        expect(verifyInclusion(claim)).toBe(true);
        for (const other of spoiled(path, bit)) {
          expect(verifyInclusion({ ...claim, path: other })).toBe(false);
        }
        expect(verifyInclusion({ ...claim, leaf: flipped(leaf, bit) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: flipped(root, bit) })).toBe(false);
        for (let other = 0; other < size; other += 1) {
          if (other !== index) expect(verifyInclusion({ ...claim, index: other })).toBe(false);
        }
        expect(verifyInclusion({ ...claim, index: index + size })).toBe(false);
        expect(verifyInclusion({ ...claim, size: index })).toBe(false);
      }),
    );
  });

  test('is refused when the boundary between leaf and sibling is moved', () => {
    const [leaf, sibling] = leavesOf(2);
    if (leaf === undefined || sibling === undefined) expect.fail('no leaves');
    const both = Buffer.concat([leaf, sibling]);
    const claim = { index: 0, size: 2, root: nodeHash(leaf, sibling) };
    for (const cut of [0, 31, 33, 64]) {
      const path = [both.subarray(cut)];
      expect(verifyInclusion({ ...claim, leaf: both.subarray(0, cut), path })).toBe(false);
    }
  });

  test('is refused for a path longer than the tree is high', () => {
    const leaves = leavesOf(2);
    const leaf = leaves[1] ?? emptyRoot();
    const claim = { leaf, root: rootOf(leaves), path: inclusionPath(leaves, 1) };
    expect(verifyInclusion({ ...claim, index: 1, size: 2 })).toBe(true);
    expect(verifyInclusion({ ...claim, index: 0, size: 1 })).toBe(false);
  });

  test.each([
    [-1, 4],
    [0, 0],
    [4, 4],
    [0.5, 4],
    [Number.NaN, 4],
    [0, Number.POSITIVE_INFINITY],
    [0, 2 ** 53],
  ])('index %d of %d is no position', (index, size) => {
    const root = emptyRoot();
    expect(verifyInclusion({ index, size, leaf: root, root, path: [] })).toBe(false);
  });

  test('indices beyond 32 bits walk the whole path', () => {
    const leaf = leafHash(Buffer.of(1));
    const size = 2 ** 45;
    const index = 2 ** 44 + 2 ** 33 + 5;
    const path = leavesOf(45);
    let root = leaf;
    let rest = BigInt(index);
    for (const sibling of path) {
      root = (rest & 1n) === 1n ? nodeHash(sibling, root) : nodeHash(root, sibling);
      rest >>= 1n;
    }
    expect(verifyInclusion({ index, size, leaf, root, path })).toBe(true);
    expect(verifyInclusion({ index: index % 2 ** 32, size, leaf, root, path })).toBe(false);
  });

  test('a path is asked for a leaf of the tree only', () => {
    expect(() => inclusionPath(LEAVES, 8)).toThrow(/not in the tree/);
    expect(() => inclusionPath([], 0)).toThrow(/not in the tree/);
  });
});

describe('consistency', () => {
  test('holds between all small trees', () => {
    for (let second = 0; second <= 40; second += 1) {
      const leaves = leavesOf(second);
      for (let first = 0; first <= second; first += 1) {
        const claim = {
          first,
          second,
          firstRoot: rootOf(leaves.slice(0, first)),
          secondRoot: rootOf(leaves),
          proof: consistencyProof(leaves, first),
        };
        expect(verifyConsistency(claim)).toBe(true);
      }
    }
  });

  test('is refused for a spoiled proof, root or size', () => {
    fc.assert(
      fc.property(position, ([second, at, bit]) => {
        const first = at + 1;
        const leaves = leavesOf(second);
        const firstRoot = rootOf(leaves.slice(0, first));
        const secondRoot = rootOf(leaves);
        const proof = consistencyProof(leaves, first);
        const claim = { first, second, firstRoot, secondRoot, proof };
        expect(verifyConsistency(claim)).toBe(true);
        for (const other of spoiled(proof, bit)) {
          expect(verifyConsistency({ ...claim, proof: other })).toBe(false);
        }
        expect(verifyConsistency({ ...claim, firstRoot: flipped(firstRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, secondRoot: flipped(secondRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, first: second + 1 })).toBe(false);
        expect(verifyConsistency({ ...claim, second: second * 2 })).toBe(false);
        if (first < second) expect(verifyConsistency({ ...claim, proof: [] })).toBe(false);
      }),
    );
  });

  test('is refused when the boundary between proof nodes is moved', () => {
    const leaves = leavesOf(4);
    const proof = Buffer.concat(consistencyProof(leaves, 3));
    const claim = { first: 3, second: 4, firstRoot: rootOf(leaves.slice(0, 3)) };
    const moved = [proof.subarray(0, 33), proof.subarray(33, 64), proof.subarray(64)];
    const secondRoot = rootOf(leaves);
    expect(verifyConsistency({ ...claim, secondRoot, proof: moved })).toBe(false);
  });

  test('a rewritten leaf of the first tree is never consistent', () => {
    fc.assert(
      fc.property(position, ([second, changed]) => {
        const leaves = leavesOf(second);
        const first = changed + 1;
        const rewritten = leaves.with(changed, leafHash(Buffer.from('rewritten')));
        const claim = {
          first,
          second,
          firstRoot: rootOf(leaves.slice(0, first)),
          secondRoot: rootOf(rewritten),
        };
        for (const source of [leaves, rewritten]) {
          const proof = consistencyProof(source, first);
          expect(verifyConsistency({ ...claim, proof })).toBe(false);
        }
      }),
    );
  });

  test('the empty tree is consistent with every tree, under its own root only', () => {
    const secondRoot = rootOf(LEAVES);
    const claim = { first: 0, second: 8, firstRoot: emptyRoot(), secondRoot, proof: [] };
    expect(verifyConsistency(claim)).toBe(true);
    expect(verifyConsistency({ ...claim, firstRoot: secondRoot })).toBe(false);
    expect(verifyConsistency({ ...claim, proof: [secondRoot] })).toBe(false);
  });

  test('a proof is asked from a smaller tree only', () => {
    expect(() => consistencyProof(LEAVES, 9)).toThrow(/larger/);
    expect(() => consistencyProof(LEAVES, -1)).toThrow(/larger/);
  });
});
