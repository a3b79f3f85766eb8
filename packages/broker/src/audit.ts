/** The ledger for reading: entries, a signed checkpoint, and an export that verifies offline. */
import type { EntryView, ExportHeader, ExportLine } from '@countersign/contract';
import { EXPORT_FORMAT } from '@countersign/contract';
import { inputError } from '@countersign/core';
import { decodeEntry, encodeVkey, signCheckpoint } from '@countersign/ledger';
import type { Deps } from './deps.ts';
import type { JournalEntry } from './ports.ts';
import type { PageOf, PageQuery } from './use-cases.ts';
import { entryView, found } from './views.ts';

/** The checkpoint's origin: a schema-less URL (C2SP tlog-checkpoint). */
export function originOf(issuer: string): string {
  return `${new URL(issuer).host}/countersign`;
}

export async function listEntries(
  deps: Deps,
  query: PageQuery & {
    readonly ascending: boolean;
    readonly types: readonly string[] | null;
    readonly agent: string | null;
  },
): Promise<PageOf<EntryView>> {
  if (query.after !== null && !/^\d{1,15}$/.test(query.after)) {
    throw inputError('invalid_request', '`after` is the `next` of an earlier page.');
  }
  const page = await deps.journal.page({
    after: query.after === null ? null : Number(query.after),
    limit: query.limit + 1,
    descending: !query.ascending,
    types: query.types,
    agent: query.agent,
  });
  const items = page.slice(0, query.limit).map(entryView);
  const last = items.at(-1);
  return { items, next: page.length > query.limit && last !== undefined ? `${last.index}` : null };
}

export async function readEntry(deps: Deps, id: string): Promise<EntryView> {
  return entryView(found(await deps.journal.find(id), 'ledger entry'));
}

/** A C2SP signed note over the present head. */
export async function checkpoint(deps: Deps): Promise<string> {
  const head = await deps.journal.head();
  return await noteOver(deps, head);
}

async function noteOver(
  deps: Deps,
  head: { readonly size: number; readonly root: Uint8Array },
): Promise<string> {
  return await signCheckpoint(
    { origin: originOf(deps.issuer), size: head.size, root: head.root },
    deps.ledgerSigner,
  );
}

export function ledgerVkey(deps: Deps): string {
  return encodeVkey(deps.ledgerSigner.name, deps.ledgerSigner.publicKey);
}

export async function* exportLedger(
  deps: Deps,
  query: { readonly authorityOnly: boolean },
): AsyncIterable<ExportHeader | ExportLine> {
  const head = await deps.journal.head();
  yield {
    format: EXPORT_FORMAT,
    broker: deps.authority.state.broker,
    checkpoint: await noteOver(deps, head),
    vkey: ledgerVkey(deps),
    authority_only: query.authorityOnly,
  };
  const entries = query.authorityOnly
    ? deps.journal.readAuthority(0)
    : deps.journal.read(0, head.size);
  for await (const entry of entries) {
    if (entry.index >= head.size) return;
    yield exportLine(entry);
  }
}

/** Canonical bytes travel as the very JSON they are, members in their order; anything else as it lies there, for the verifier to name. */
function exportLine(entry: JournalEntry): ExportLine {
  const shared = {
    index: entry.index,
    leaf_hash: Buffer.from(entry.leafHash).toString('base64url'),
  };
  try {
    decodeEntry(entry.bytes);
    return { ...shared, entry: JSON.parse(Buffer.from(entry.bytes).toString('utf8')) };
  } catch {
    return { ...shared, bytes: Buffer.from(entry.bytes).toString('base64') };
  }
}
