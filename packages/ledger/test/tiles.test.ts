import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completedTiles, leafHash, rootOf, tileOf, tilePath, tileRoot } from '../src/index.ts';

describe('paths (C2SP tlog-tiles)', () => {
  test.each([
    [tilePath(0, 0), 'tile/0/000'],
    [tilePath(0, 67), 'tile/0/067'],
    [tilePath(3, 999), 'tile/3/999'],
    [tilePath(0, 1000), 'tile/0/x001/000'],
    [tilePath(1, 1234067), 'tile/1/x001/x234/067'],
    [tilePath(1, 1234067, 8), 'tile/1/x001/x234/067.p/8'],
    [tilePath(63, 2 ** 53 - 1), 'tile/63/x009/x007/x199/x254/x740/991'],
    [tilePath('entries', 1234067, 255), 'tile/entries/x001/x234/067.p/255'],
  ])('%s', (path, expected) => {
    expect(path).toBe(expected);
  });

  test.each([
    [64, 0, undefined],
    [-1, 0, undefined],
    [0.5, 0, undefined],
    [0, -1, undefined],
    [0, 2 ** 53, undefined],
    [0, 0, 0],
    [0, 0, 256],
  ])('refused: level %s, index %s, width %s', (level, index, width) => {
    expect(() => tilePath(level, index, width)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('completed tiles', () => {
  test.each([
    [0, 255, []],
    [255, 256, [{ level: 0, index: 0 }]],
    [256, 511, []],
    [
      200,
      800,
      [
        { level: 0, index: 0 },
        { level: 0, index: 1 },
        { level: 0, index: 2 },
      ],
    ],
    [
      65_535,
      65_536,
      [
        { level: 0, index: 255 },
        { level: 1, index: 0 },
      ],
    ],
    [
      2 ** 40 - 1,
      2 ** 40,
      [1, 2, 3, 4, 5].map((height) => ({ level: height - 1, index: 2 ** (40 - 8 * height) - 1 })),
    ],
  ])('from %d to %d', (oldSize, newSize, tiles) => {
    expect(completedTiles(oldSize, newSize)).toEqual(tiles);
  });

  test('however appends are batched, each tile is completed once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(70_000), { maxLength: 6 }), (cuts) => {
        const sizes = [...cuts, 140_000].sort((a, b) => a - b);
        let size = 0;
        const seen = sizes.flatMap((next) => {
          const tiles = completedTiles(size, next);
          size = next;
          return tiles.map(({ level, index }) => tilePath(level, index));
        });
        const whole = completedTiles(0, 140_000).map(({ level, index }) => tilePath(level, index));
        expect(seen.sort()).toEqual(whole.sort());
      }),
    );
  });

  test('a tree does not shrink', () => {
    expect(() => completedTiles(2, 1)).toThrow(/only grows/);
  });
});

describe('tile bytes', () => {
  const leaves = Array.from({ length: 65_536 }, (_, at) => leafHash(Buffer.from(`${at}`)));

  test('tiles of tiles reach the root of the tree', () => {
    const tiles = Array.from({ length: 256 }, (_, index) =>
      tileOf(0, index, leaves.slice(index * 256, (index + 1) * 256)),
    );
    expect(tiles[0]).toHaveLength(8192);
    expect(tileRoot(tiles[1] ?? Buffer.alloc(0))).toEqual(rootOf(leaves.slice(256, 512)));
    expect(tileRoot(tileOf(1, 0, tiles.map(tileRoot)))).toEqual(rootOf(leaves));
  });

  test.each([
    ['a hash too few', leaves.slice(0, 255)],
    ['a hash too many', leaves.slice(0, 257)],
    ['a hash cut short', [...leaves.slice(0, 255), Buffer.alloc(31)]],
  ])('refused: %s', (_name, hashes) => {
    expect(() => tileOf(0, 0, hashes)).toThrow(/256 hashes/);
  });

  test('refused: a partial tile', () => {
    expect(() => tileRoot(Buffer.alloc(8160))).toThrow(/8192 bytes/);
  });
});
