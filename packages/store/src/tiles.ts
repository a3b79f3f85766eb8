/** Full Merkle tiles of a batch: made from its own leaf hashes and those already stored. */
import { completedTiles, TILE_WIDTH, tileOf, tileRoot } from '@countersign/ledger';
import type { Querier } from './database.ts';
import { unfaithful } from './head.ts';

export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly root: Uint8Array;
}

/** The tiles that `leafHashes`, appended to a tree of `oldSize`, complete. Reads only what is immutable. */
export async function completeTiles(
  sql: Querier,
  oldSize: number,
  leafHashes: readonly Uint8Array[],
): Promise<readonly Tile[]> {
  const tiles: Tile[] = [];
  for (const { level, index } of completedTiles(oldSize, oldSize + leafHashes.length)) {
    const first = index * TILE_WIDTH;
    const fresh =
      level === 0
        ? leafHashes.slice(Math.max(0, first - oldSize), first + TILE_WIDTH - oldSize)
        : tiles
            .filter(
              (tile) => tile.level === level - 1 && Math.floor(tile.index / TILE_WIDTH) === index,
            )
            .map((tile) => tile.root);
    const missing = TILE_WIDTH - fresh.length;
    const stored = missing === 0 ? [] : await hashesBelow(sql, level, first, missing);
    const bytes = tileOf(level, index, [...stored, ...fresh]);
    tiles.push({ level, index, bytes, root: tileRoot(bytes) });
  }
  return tiles;
}

/** Of `count` nodes of the tree from `first` on: leaves, or what the tiles of a level add to the next. */
export async function hashesBelow(
  sql: Querier,
  level: number,
  first: number,
  count: number,
): Promise<readonly Uint8Array[]> {
  const end = first + count;
  const rows =
    level === 0
      ? await sql<{ hash: Uint8Array }[]>`
          select leaf_hash as hash from countersign.entries
          where index >= ${first} and index < ${end} order by index`
      : await sql<{ hash: Uint8Array }[]>`
          select root as hash from countersign.tiles
          where level = ${level - 1} and index >= ${first} and index < ${end} order by index`;
  if (rows.length !== count) throw unfaithful('hashes below a tile are missing');
  return rows.map((row) => row.hash);
}
