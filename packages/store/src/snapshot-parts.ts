/**
 * Parts of a state as rows of bytes: some mebibyte each, compressed part by part, with all keys in front. So
 * a start reads keys, and what belongs to a key only when somebody asks for it.
 */
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompressSync } from 'node:zlib';
import type { KeptStatePart, StatePart } from '@countersign/authority';

const compress = promisify(zstdCompress);

/** Bytes of compressed parts in a row, from which on another one is begun. */
const ROW = 1_048_576;

/** What stands in front of a row: its parts, and how many bytes each takes. */
type Index = readonly (readonly [member: string, keys: readonly string[], length: number])[];

/** @param onPart told of each part, in order */
export async function* packParts(
  parts: Iterable<StatePart>,
  onPart: (part: StatePart) => void,
): AsyncGenerator<Uint8Array> {
  let index: Index = [];
  let bodies: Uint8Array[] = [];
  let size = 0;
  const row = async (): Promise<Uint8Array> => {
    const head = await compress(JSON.stringify(index));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    return Buffer.concat([length, head, ...bodies]);
  };
  for (const part of parts) {
    onPart(part);
    const body = await compress(JSON.stringify(part.texts));
    index = [...index, [part.member, part.keys, body.length]];
    bodies.push(body);
    size += body.length;
    if (size < ROW) continue;
    yield await row();
    [index, bodies, size] = [[], [], 0];
  }
  if (bodies.length > 0) yield await row();
}

/** The parts of a row that `packParts` wrote; whether it did is for the caller to know. */
export function openParts(row: Uint8Array): readonly KeptStatePart[] {
  const bytes = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  let at = 4 + bytes.readUInt32BE(0);
  const index: Index = JSON.parse(zstdDecompressSync(bytes.subarray(4, at)).toString('utf8'));
  return index.map(([member, keys, length]) => {
    const body = bytes.subarray(at, at + length);
    at += length;
    return { member, keys, texts: () => JSON.parse(zstdDecompressSync(body).toString('utf8')) };
  });
}
