/**
 * C2SP tlog-tiles coordinates. Full tiles of height 8 are stored as they become complete, so that a
 * proof over any number of entries reads a handful of them, and mirrors can copy the tree as files.
 */
import { inputError } from '@countersign/core';
import { HASH_BYTES, isCount, isHash, rootOf, splitHashes } from './merkle.ts';

/** Hashes in a full tile: 2^8. */
export const TILE_WIDTH = 256;

export interface TileAddress {
  /** 0 for tiles of leaf hashes; a hash at level n stands for 256^n leaves. */
  readonly level: number;
  readonly index: number;
}

/**
 * The full tiles that a tree of `newSize` leaves has and one of `oldSize` had not, lower levels
 * first, so that each can be made from those before it and those stored.
 */
export function completedTiles(oldSize: number, newSize: number): TileAddress[] {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) {
    throw inputError('invalid_request', 'A tree only grows.');
  }
  const tiles: TileAddress[] = [];
  for (let level = 0, span = TILE_WIDTH; span <= newSize; level += 1, span *= TILE_WIDTH) {
    const end = Math.floor(newSize / span);
    for (let index = Math.floor(oldSize / span); index < end; index += 1) {
      tiles.push({ level, index });
    }
  }
  return tiles;
}

/**
 * `tile/<L>/<N>[.p/<W>]`, without the log's prefix; level `entries` names a bundle of entries.
 * `width` (1 to 255) only for a partial tile. Throws `invalid_request` for coordinates outside
 * those bounds.
 */
export function tilePath(level: number | 'entries', index: number, width?: number): string {
  if (level !== 'entries' && (!isCount(level) || level > 63)) {
    throw inputError('invalid_request', 'The level of a tile is from 0 to 63.');
  }
  if (!isCount(index)) throw inputError('invalid_request', 'The index of a tile is a count.');
  if (width !== undefined && (!isCount(width) || width < 1 || width >= TILE_WIDTH)) {
    throw inputError('invalid_request', 'The width of a partial tile is from 1 to 255.');
  }
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? [];
  const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${name}${width === undefined ? '' : `.p/${width}`}`;
}

/**
 * The 8192 bytes of a full tile. `hashesBelow` are its 256 hashes in order: leaf hashes at level 0,
 * else `tileRoot` of the tiles `256 × index …` one level below. Throws `invalid_request` for any
 * other number.
 */
export function tileOf(
  level: number,
  index: number,
  hashesBelow: readonly Uint8Array[],
): Uint8Array {
  if (hashesBelow.length !== TILE_WIDTH || !hashesBelow.every(isHash)) {
    throw inputError('invalid_request', `${tilePath(level, index)} needs exactly 256 hashes.`);
  }
  return Buffer.concat(hashesBelow);
}

/**
 * The one hash that a full tile adds to the level above. Throws `invalid_request` unless it has
 * 8192 bytes.
 */
export function tileRoot(tile: Uint8Array): Uint8Array {
  if (tile.length !== TILE_WIDTH * HASH_BYTES) {
    throw inputError('invalid_request', 'A full tile has 8192 bytes.');
  }
  return rootOf(splitHashes(tile));
}
