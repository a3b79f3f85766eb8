/**
 * The ledger's head as this replica knows it. The database's word for it is not enough (Law 1): a head
 * must carry the MAC of a broker with our key, and extend the one this replica saw last.
 */
import type { Head } from '@countersign/broker';
import { toInstant, UnfaithfulLedger } from '@countersign/core';
import {
  appendLeaf,
  type CompactRange,
  decodeRange,
  EMPTY_CHAIN,
  emptyRange,
  encodeRange,
  extendChain,
  rangeRoot,
} from '@countersign/ledger';
import type { Querier } from './database.ts';
import type { Kek } from './kek.ts';
import type { KekRing } from './kek-ring.ts';

export interface LedgerHead extends Head {
  readonly range: CompactRange;
  /** Over the leaf hashes of all authority entries; see `extendChain`. */
  readonly authorityChain: Uint8Array;
  /** The same over those that count uses (`counted-uses.ts`); null: none yet. */
  readonly usesChain: Uint8Array | null;
  /** Instant: a token key made before it verifies nothing any more. Null: never rotated. */
  readonly tokenFloor: string | null;
  /** What its MAC is made with, and whatever is written beside the next head. */
  readonly kek: Kek;
  /** Not part of the ledger: raised to make a statement whose answer was lost impossible. */
  readonly fence: number;
}

export interface HeadRow {
  readonly size: number;
  readonly root: Uint8Array;
  readonly peaks: Uint8Array;
  readonly authority_version: number;
  readonly authority_chain: Uint8Array;
  readonly uses_chain: Uint8Array | null;
  readonly time: Date;
  readonly token_floor: Date | null;
  readonly mac: Uint8Array;
  readonly fence: number;
  /** Milliseconds of the database's clock when it answered. */
  readonly db_now: number;
}

/** Leaf hashes fetched at a time while catching up. */
const LEAVES = 4096;

function emptyHead(kek: Kek): LedgerHead {
  const range = emptyRange();
  return {
    size: 0,
    root: rangeRoot(range),
    range,
    authorityVersion: 0,
    authorityChain: EMPTY_CHAIN,
    usesChain: null,
    time: toInstant(0),
    tokenFloor: null,
    kek,
    fence: 0,
  };
}

/** What the MAC covers. The peaks are fixed by the root. */
export function macOf(head: LedgerHead): Uint8Array {
  return head.kek.mac('head', macDocument(head));
}

function macDocument(head: Omit<LedgerHead, 'kek'>): unknown {
  return {
    v: 1,
    size: head.size,
    root: Buffer.from(head.root).toString('base64url'),
    authority_version: head.authorityVersion,
    authority_chain: Buffer.from(head.authorityChain).toString('base64url'),
    time: head.time,
    ...(head.usesChain === null
      ? {}
      : { uses_chain: Buffer.from(head.usesChain).toString('base64url') }),
    ...(head.tokenFloor === null ? {} : { token_floor: head.tokenFloor }),
  };
}

/** Writes the head of an empty ledger, once. A head that is missing beside entries is not replaced. */
export async function createHead(sql: Querier, kek: Kek): Promise<void> {
  const head = emptyHead(kek);
  await sql`
    insert into countersign.head
      (size, root, peaks, authority_version, authority_chain, time, mac)
    select ${head.size}, ${head.root}, ${encodeRange(head.range)}, ${head.authorityVersion},
      ${head.authorityChain}, ${head.time}, ${macOf(head)}
    where not exists (select from countersign.entries)
    on conflict do nothing`;
}

/** The stored head; with `lock`, held against every other commit until the transaction ends. */
export async function readHeadRow(sql: Querier, lock: boolean): Promise<HeadRow> {
  const [row, ...others] = await sql<HeadRow[]>`
    select size, root, peaks, authority_version, authority_chain, uses_chain, time, token_floor, mac,
      fence, (extract(epoch from clock_timestamp()) * 1000)::float8 as db_now
    from countersign.head ${lock ? sql`for update` : sql``}`;
  if (row === undefined) throw unfaithful('it has no head');
  // Law 1: which of two is read first is chance, and an earlier one is genuine too.
  if (others.length > 0) throw unfaithful('it has more than one head');
  return row;
}

interface Leaf {
  readonly index: number;
  readonly leaf_hash: Uint8Array;
}

/** The first of the leaves from an index on. */
export async function readLeaves(sql: Querier, from: number): Promise<readonly Leaf[]> {
  return await sql<Leaf[]>`
    select index, leaf_hash from countersign.entries
    where index >= ${from} order by index limit ${LEAVES}`;
}

/**
 * The head of a row, checked: MAC, peaks, and that it extends `known` (null on a first look), for which
 * the leaf hashes in between are read, beyond the `leaves` that are at hand, and hashed.
 * @throws CountersignError `broker_unavailable`
 */
export async function verifyHead(
  sql: Querier,
  ring: KekRing,
  known: LedgerHead | null,
  row: HeadRow,
  leaves: readonly Leaf[] = [],
): Promise<LedgerHead> {
  const unsigned = {
    size: row.size,
    root: row.root,
    range: rangeOf(row),
    authorityVersion: row.authority_version,
    authorityChain: row.authority_chain,
    usesChain: row.uses_chain,
    time: row.time.toISOString(),
    tokenFloor: row.token_floor?.toISOString() ?? null,
    fence: row.fence,
  };
  const kek = ring.signerOf('head', macDocument(unsigned), row.mac);
  if (kek === null) {
    throw unfaithful('its head was not written by a broker with this key-encryption key');
  }
  const head: LedgerHead = { ...unsigned, kek };
  if (!isEqual(rangeRoot(head.range), head.root)) throw unfaithful('its peaks are not its root');
  if (known !== null) {
    requireNoOlderKey(ring, known, head);
    requireNotBehind(known, head);
    await requireExtension(sql, known.range, head, leaves);
  }
  return head;
}

function rangeOf({ size, peaks }: HeadRow): CompactRange {
  try {
    return decodeRange(size, peaks);
  } catch {
    // Nobody's request is at fault.
    throw unfaithful('its peaks are not of its size');
  }
}

// Law 1: whoever got hold of a key that was rotated away does not bring the ledger back under it.
function requireNoOlderKey(ring: KekRing, known: LedgerHead, head: LedgerHead): void {
  const ids = ring.keks.map((kek) => kek.id);
  if (ids.indexOf(head.kek.id) < ids.indexOf(known.kek.id)) {
    throw unfaithful('its head is under a key-encryption key that was rotated away');
  }
}

// Law 1: each commit extends the head this replica last saw.
function requireNotBehind(known: LedgerHead, head: LedgerHead): void {
  const isBehind =
    head.size < known.size ||
    head.authorityVersion < known.authorityVersion ||
    head.time < known.time ||
    (head.tokenFloor ?? '') < (known.tokenFloor ?? '');
  if (isBehind) throw unfaithful('it went back behind what this server saw');
}

/** That `before`, with the leaf hashes behind it as they are stored, is the tree of the head. */
export async function requireExtension(
  sql: Querier,
  before: CompactRange,
  head: LedgerHead,
  leaves: readonly Leaf[] = [],
): Promise<void> {
  let range = before;
  let rows = leaves;
  while (range.size < head.size) {
    if (rows.length === 0) rows = await readLeaves(sql, range.size);
    if (rows.length === 0) throw unfaithful(`entry ${range.size} is missing`);
    for (const row of rows) {
      // What was appended after the head was read is not of it.
      if (range.size === head.size) break;
      if (row.index !== range.size) throw unfaithful(`entry ${range.size} is missing`);
      range = appendLeaf(range, row.leaf_hash);
    }
    rows = [];
  }
  if (!isEqual(rangeRoot(range), head.root)) throw unfaithful('its history was rewritten');
}

/** The chain over all authority entries before `index`, from their stored leaf hashes. */
export async function chainBefore(sql: Querier, index: number): Promise<Uint8Array> {
  let chain = EMPTY_CHAIN;
  let from = 0;
  while (true) {
    const rows = await sql<{ index: number; leaf_hash: Uint8Array }[]>`
      select index, leaf_hash from countersign.entries
      where authority and index >= ${from} and index < ${index} order by index limit ${LEAVES}`;
    for (const row of rows) chain = extendChain(chain, row.leaf_hash);
    const last = rows.at(-1);
    if (last === undefined || rows.length < LEAVES) return chain;
    from = last.index + 1;
  }
}

/** Raises the fence, so that whatever was sent on the old one can commit no more. */
export async function raiseFence(sql: Querier): Promise<void> {
  const { count } = await sql`update countersign.head set fence = fence + 1`;
  if (count !== 1) throw unfaithful('it has no head');
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

export function unfaithful(why: string): UnfaithfulLedger {
  return new UnfaithfulLedger(
    `The ledger in the database is not the one this server knows: ${why}.`,
  );
}
