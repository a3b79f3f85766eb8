/**
 * The state taken apart into texts, and put together again, so that a start need not fold what was folded
 * before. It knows no member of the state by name but one: whoever adds one finds it in here by itself.
 */

import { createHash } from 'node:crypto';
import type { Statement } from '@countersign/contract';
import { canonicalBytes, digestOf } from './canonical.ts';
import type { DecodedStatement } from './envelope.ts';
import { KeptMap, type KeptPart } from './kept-map.ts';
import { type AuthorityState, emptyState, type StatementRecord } from './state.ts';
import { readText, writeText } from './state-text.ts';

/** A run of the entries of one member; of the members that are no maps, by their names. */
export interface StatePart {
  readonly member: string;
  readonly keys: readonly string[];
  readonly texts: readonly string[];
}

/** The same, where reading the texts takes a while. */
export interface KeptStatePart extends KeptPart {
  readonly member: string;
}

/** The parts of members that are no maps. No member has this name. */
const SINGLE = '';
/** Characters of text in a part, from which on another one is begun. One value asked for reads its part. */
const PART = 16_384;

/**
 * Equal states have equal parts. Every member has at least one.
 * @throws Error for a member that holds what has no text
 */
export function* partsOf(state: AuthorityState): Generator<StatePart> {
  const members: [string, unknown][] = Object.entries(state);
  const single = members.filter(([, value]) => !(value instanceof Map));
  yield* split(
    SINGLE,
    single.map(([name, value]) => [name, writeText(value)]),
  );
  for (const [member, value] of members) {
    if (value instanceof Map) yield* split(member, textsOf(member, value));
  }
}

function* textsOf(
  member: string,
  map: ReadonlyMap<string, unknown>,
): Generator<readonly [string, string]> {
  const write = member === 'statements' ? textOfRecord : writeText;
  if (map instanceof KeptMap) yield* map.texts(write);
  else for (const [key, value] of map) yield [key, write(value)];
}

function* split(
  member: string,
  entries: Iterable<readonly [string, string]>,
): Generator<StatePart> {
  let keys: string[] = [];
  let texts: string[] = [];
  let size = 0;
  let isFirst = true;
  for (const [key, text] of entries) {
    keys.push(key);
    texts.push(text);
    size += text.length;
    if (size < PART) continue;
    yield { member, keys, texts };
    [keys, texts, size, isFirst] = [[], [], 0, false];
  }
  if (keys.length > 0 || isFirst) yield { member, keys, texts };
}

/** @throws Error unless the parts are those of a state as this version knows it */
export function stateOf(parts: Iterable<KeptStatePart>): AuthorityState {
  const state = emptyState();
  const members = new Map<string, unknown>(Object.entries(state));
  const found = new Map<string, unknown>();
  for (const part of parts) {
    if (part.member === SINGLE) {
      const texts = part.texts();
      for (const [at, name] of part.keys.entries()) found.set(name, readText(texts[at] ?? ''));
      continue;
    }
    const map = found.get(part.member) ?? new KeptMap<unknown>(readerOf(part.member));
    if (!(map instanceof KeptMap)) throw notAState();
    map.keep(part);
    found.set(part.member, map);
  }
  const isWhole = [...members].every(
    ([name, empty]) => found.has(name) && empty instanceof Map === found.get(name) instanceof Map,
  );
  if (!isWhole || found.size !== members.size) throw notAState();
  return Object.assign(state, Object.fromEntries(found));
}

/**
 * The same state in maps of its own. Objects are replaced, never edited in place, so that is enough. A step
 * for each entry: whoever takes a rest in between keeps the state as it is until the end.
 */
export function* copying(state: AuthorityState): Generator<void, AuthorityState> {
  const members: [string, unknown][] = Object.entries(state);
  const copies: [string, unknown][] = [];
  for (const [name, value] of members) {
    const isMap = value instanceof Map;
    copies.push([name, isMap ? yield* copyingMap(value) : value]);
  }
  return { ...state, ...Object.fromEntries(copies) };
}

function* copyingMap(map: Map<unknown, unknown>): Generator<void, Map<unknown, unknown>> {
  if (map instanceof KeptMap) return yield* map.copying();
  const copy = new Map<unknown, unknown>();
  for (const [key, value] of map) {
    copy.set(key, value);
    yield;
  }
  return copy;
}

export function copyOf(state: AuthorityState): AuthorityState {
  const steps = copying(state);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** By member, base64url SHA-256 over its parts: states are the same when these are. */
export interface StateDigests {
  add(part: StatePart): void;
  finish(): Readonly<Record<string, string>>;
}

export function createStateDigests(): StateDigests {
  const hashes = new Map<string, ReturnType<typeof createHash>>();
  return {
    add({ member, keys, texts }) {
      const hash = hashes.get(member) ?? createHash('sha256');
      hash.update(JSON.stringify(keys)).update('\n').update(texts.join('\n')).update('\n');
      hashes.set(member, hash);
    },
    finish: () =>
      Object.fromEntries([...hashes].map(([member, hash]) => [member, hash.digest('base64url')])),
  };
}

function readerOf(member: string): (text: string) => unknown {
  return member === 'statements' ? recordOf : readText;
}

// A statement's bytes are its own canonical form, so that the statement says all of what was decoded.
function textOfRecord(value: unknown): string {
  // Only `statements` is written with this.
  const record = value as StatementRecord;
  return writeText({ ...record, decoded: record.decoded.statement });
}

function recordOf(text: string): StatementRecord {
  // As `textOfRecord` wrote it.
  const record = readText(text) as Omit<StatementRecord, 'decoded'> & {
    readonly decoded: Statement;
  };
  return { ...record, decoded: new KeptStatement(record.decoded) };
}

class KeptStatement implements DecodedStatement {
  readonly statement: Statement;

  constructor(statement: Statement) {
    this.statement = statement;
  }

  get digest(): string {
    return digestOf(canonicalBytes(this.statement));
  }

  get payload(): string {
    return Buffer.from(canonicalBytes(this.statement)).toString('base64url');
  }
}

function notAState(): Error {
  return new Error('the parts are not those of a state as this version knows it');
}
