import { describe, expect, test } from 'vitest';
import {
  appendLeaf,
  type CompactRange,
  decodeRange,
  emptyRange,
  emptyRoot,
  encodeRange,
  leafHash,
  rangeRoot,
  rootOf,
} from '../src/index.ts';

const LEAVES = Array.from({ length: 300 }, (_, index) => leafHash(Buffer.from(`${index}`)));

test('at every size the root is that of the tree, and the encoding returns the range', () => {
  let range: CompactRange = emptyRange();
  expect(rangeRoot(range)).toEqual(emptyRoot());
  LEAVES.forEach((leaf, index) => {
    range = decodeRange(range.size, encodeRange(range));
    range = appendLeaf(range, leaf);
    expect(range.size).toBe(index + 1);
    expect(rangeRoot(range)).toEqual(rootOf(LEAVES.slice(0, index + 1)));
  });
});

test('appending leaves the former range as it was, so two futures can start from it', () => {
  const seven = LEAVES.slice(0, 7).reduce(appendLeaf, emptyRange());
  const before = Buffer.from(encodeRange(seven)).toString('hex');
  const left = appendLeaf(seven, LEAVES[7] ?? emptyRoot());
  const right = appendLeaf(seven, LEAVES[8] ?? emptyRoot());
  expect(rangeRoot(left)).not.toEqual(rangeRoot(right));
  expect(Buffer.from(encodeRange(seven)).toString('hex')).toBe(before);
});

test('a decoded range keeps no hold of the bytes it came from', () => {
  const bytes = Buffer.from(encodeRange(LEAVES.slice(0, 3).reduce(appendLeaf, emptyRange())));
  const range = decodeRange(3, bytes);
  const root = rangeRoot(range);
  bytes.fill(0);
  expect(rangeRoot(range)).toEqual(root);
});

describe('sizes beyond 32 bits', () => {
  test.each([
    [2 ** 40, 1],
    [2 ** 52 + 2 ** 33 + 1, 3],
    [2 ** 53 - 1, 53],
  ])('%d has %d peaks', (size, peaks) => {
    expect(decodeRange(size, Buffer.alloc(32 * peaks)).peaks).toHaveLength(peaks);
  });

  test('an append merges every complete subtree', () => {
    const size = 2 ** 45 - 1;
    const full = appendLeaf(decodeRange(size, Buffer.alloc(32 * 45)), Buffer.alloc(32));
    expect(full).toMatchObject({ size: 2 ** 45 });
    expect(full.peaks).toHaveLength(1);
  });

  test('the last size takes no more', () => {
    const full = decodeRange(2 ** 53 - 1, Buffer.alloc(32 * 53));
    expect(() => appendLeaf(full, Buffer.alloc(32))).toThrow(/full/);
  });
});

test.each([
  ['a peak too few', 7, 64],
  ['a peak too many', 7, 128],
  ['peaks for nothing', 0, 32],
  ['a peak cut short', 1, 31],
  ['a negative size', -1, 0],
  ['a fraction', 1.5, 32],
  ['a size beyond 2^53', 2 ** 53, 32],
])('refused: %s', (_name, size, length) => {
  expect(() => decodeRange(size, Buffer.alloc(length))).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  );
});

test('refused: a leaf hash that is none', () => {
  expect(() => appendLeaf(emptyRange(), Buffer.alloc(31))).toThrow(/32 bytes/);
});
