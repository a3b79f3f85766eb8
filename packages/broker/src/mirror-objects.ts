/**
 * What a mirror holds: every authority entry and checkpoints, each a C2SP note under the ledger key that genesis
 * names, so that whoever owns the mirror can leave out what is in it and say nothing of their own.
 */
import { CountersignError, inputError } from '@countersign/core';
import {
  checkpointBody,
  encodeVkey,
  type NoteSigner,
  openCheckpoint,
  openNote,
  parseVkey,
  signNote,
} from '@countersign/ledger';
import type { Mirror } from './ports.ts';

/** The ledger's name in the mirror: another one from each restored database on, which is another history. */
export interface Line {
  readonly number: number;
  readonly id: string;
}

/** Where a mirror stands, under a signature. */
export interface MirrorPoint {
  readonly size: number;
  readonly root: Uint8Array;
  /** Over the authority entries below `size`. */
  readonly chain: Uint8Array;
}

export interface MirroredEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** Over the authority entries up to this one. */
  readonly chain: Uint8Array;
}

/** Names in one listing. */
const PAGE = 1_000;

const DIGITS = 15;
const LINE = /^line\/(\d{8})\.(genesis|[0-9a-f-]{36})$/;
const ENTRY = /\/entry\/(\d{15})$/;
const CHECKPOINT = /\/checkpoint\/(\d{15})$/;

/** Written once the first checkpoint of a line is: one without it was never whole. */
export function lineName(line: Line): string {
  return `line/${folderOf(line)}`;
}

export const LINES = 'line/';

/** Null for a name that no server of ours gives. */
export function lineOf(name: string): Line | null {
  const [, number, id] = LINE.exec(name) ?? [];
  return number === undefined || id === undefined ? null : { number: Number(number), id };
}

function folderOf({ number, id }: Line): string {
  return `${String(number).padStart(8, '0')}.${id}`;
}

export function entriesOf(line: Line): string {
  return `${folderOf(line)}/entry/`;
}

export function entryName(line: Line, index: number): string {
  return `${entriesOf(line)}${String(index).padStart(DIGITS, '0')}`;
}

export function indexOf(name: string): number {
  return Number(ENTRY.exec(name)?.[1] ?? Number.NaN);
}

export function checkpointsOf(line: Line): string {
  return `${folderOf(line)}/checkpoint/`;
}

/** Counted down, so that the newest comes first in a listing however many there are. */
export function checkpointName(line: Line, size: number): string {
  return `${checkpointsOf(line)}${String(10 ** DIGITS - 1 - size).padStart(DIGITS, '0')}`;
}

export function sizeOf(name: string): number {
  return 10 ** DIGITS - 1 - Number(CHECKPOINT.exec(name)?.[1] ?? Number.NaN);
}

/** All names that begin so, beyond `after`. */
export async function everyName(
  mirror: Mirror,
  prefix: string,
  after: string | null,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (;;) {
    const page = await mirror.list(prefix, { after: names.at(-1) ?? after, limit: PAGE });
    names.push(...page);
    if (page.length < PAGE) return names;
  }
}

export async function encodeLine(
  origin: string,
  line: Line,
  signer: NoteSigner,
): Promise<Uint8Array> {
  return Buffer.from(await signNote(`${origin}\n${lineName(line)}\n`, signer), 'utf8');
}

/** Whether the object is the one that the ledger key signed under that line's name. */
export function isLine(bytes: Uint8Array, ledgerKey: Uint8Array, line: Line): boolean {
  try {
    const { note, vkey } = claimed(bytes, ledgerKey);
    const [, name, ...more] = linesOf(note, vkey);
    return name === lineName(line) && more.length === 0;
  } catch (error) {
    if (error instanceof CountersignError) return false;
    throw error;
  }
}

export async function encodePoint(
  origin: string,
  line: Line,
  { size, root, chain }: MirrorPoint,
  signer: NoteSigner,
): Promise<Uint8Array> {
  // Extension lines (C2SP tlog-checkpoint), so that an entry that was left out is missed, and that none is
  // another line's.
  const text = `${checkpointBody({ origin, size, root })}authority ${base64(chain)}\n${lineName(line)}\n`;
  return Buffer.from(await signNote(text, signer), 'utf8');
}

export async function encodeMirrored(
  origin: string,
  { index, bytes, chain }: MirroredEntry,
  signer: NoteSigner,
): Promise<Uint8Array> {
  const text = `${origin}\nentry ${index}\n${base64(bytes)}\n${base64(chain)}\n`;
  return Buffer.from(await signNote(text, signer), 'utf8');
}

/** @throws CountersignError `invalid_request` for what the ledger key has not signed as one of this line */
export function decodePoint(bytes: Uint8Array, ledgerKey: Uint8Array, line: Line): MirrorPoint {
  const { note, vkey } = claimed(bytes, ledgerKey);
  const { size, root } = openCheckpoint(note, vkey);
  const [statements, name, ...others] = linesOf(note, vkey).slice(3);
  const [word, chain, ...more] = statements?.split(' ') ?? [];
  if (word !== 'authority' || chain === undefined || more.length > 0) {
    throw inputError('invalid_request', 'A checkpoint of the mirror says nothing of statements.');
  }
  if (name !== lineName(line) || others.length > 0) {
    throw inputError('invalid_request', 'A checkpoint of the mirror is not of the line it is in.');
  }
  return { size, root, chain: bytesOf(chain) };
}

/** As `decodePoint`. */
export function decodeMirrored(bytes: Uint8Array, ledgerKey: Uint8Array): MirroredEntry {
  const { note, vkey } = claimed(bytes, ledgerKey);
  const [, place, entry, chain, ...more] = linesOf(note, vkey);
  const [, index] = /^entry (0|[1-9]\d{0,14})$/.exec(place ?? '') ?? [];
  if (index === undefined || entry === undefined || chain === undefined || more.length > 0) {
    throw inputError('invalid_request', 'An entry of the mirror is not of the form they have.');
  }
  return { index: Number(index), bytes: bytesOf(entry), chain: bytesOf(chain) };
}

/** Whether two objects say the same. A server may have got another name since, which is on the first line. */
export function saysTheSame(a: Uint8Array, b: Uint8Array, ledgerKey: Uint8Array): boolean {
  try {
    const [said, meant] = [a, b].map((bytes) => {
      const { note, vkey } = claimed(bytes, ledgerKey);
      return linesOf(note, vkey).slice(1).join('\n');
    });
    return said === meant;
  } catch (error) {
    if (error instanceof CountersignError) return false;
    throw error;
  }
}

/** The name that a note gives its key; the key itself is genesis'. */
function claimed(bytes: Uint8Array, ledgerKey: Uint8Array) {
  const note = Buffer.from(bytes).toString('utf8');
  if (!note.includes('\n')) {
    throw inputError('invalid_request', 'An object of the mirror is empty, or no signed note.');
  }
  return { note, vkey: encodeVkey(note.slice(0, note.indexOf('\n')), ledgerKey) };
}

function linesOf(note: string, vkey: string): string[] {
  return openNote(note, [parseVkey(vkey)])
    .slice(0, -1)
    .split('\n');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) {
    throw inputError('invalid_request', 'A value in the mirror is not base64.');
  }
  return bytes;
}
