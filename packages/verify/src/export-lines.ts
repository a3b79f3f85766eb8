/**
 * An export's lines as entries: bytes rebuilt, claims beside them. Nothing is believed here; what
 * cannot be read becomes a fault that names its line's entry.
 */
import { canonicalBytes, shapeProblem } from '@countersign/authority';
import { ExportHeader, ExportLine } from '@countersign/contract';
import { leafHash, type StoredEntry } from '@countersign/ledger';
import { ExportFault, entryFault, wholeFault } from './finding.ts';

export interface OpenExport {
  readonly header: ExportHeader;
  /** Entries in the order of their lines. Throws ExportFault. */
  readonly entries: AsyncGenerator<StoredEntry>;
  /** The entry that was read last: what a fault at its index speaks of. */
  latest(): StoredEntry | null;
}

/** Reads the header. Empty lines are skipped. Throws ExportFault. */
export async function openExport(lines: AsyncIterable<string>): Promise<OpenExport> {
  const reading = nonEmpty(lines);
  const first = await reading.next();
  if (first.done === true) throw new ExportFault(wholeFault('The export is empty.'));
  const header = ExportHeader.safeParse(parsedJson(first.value));
  if (!header.success) {
    throw new ExportFault(
      wholeFault(`The first line is not an export's header: ${shapeProblem(header.error)}.`),
    );
  }
  let latest: StoredEntry | null = null;
  async function* entries(): AsyncGenerator<StoredEntry> {
    let expected = 0;
    for await (const line of reading) {
      latest = entryOf(line, expected);
      expected = latest.index + 1;
      yield latest;
    }
  }
  return { header: header.data, entries: entries(), latest: () => latest };
}

async function* nonEmpty(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) if (line.trim() !== '') yield line;
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function entryOf(line: string, expected: number): StoredEntry {
  return asWritten(line) ?? readAnew(line, expected);
}

const WRITTEN =
  /^\{"index":(0|[1-9]\d{0,15}),"leaf_hash":"([A-Za-z0-9_-]{43})","entry":(\{.*\})\}$/;

/**
 * A line as a server writes it holds the entry's bytes as they are, which their hash confirms; whether they
 * are an entry's is for the audit. Null for a line written in any other way.
 */
function asWritten(line: string): StoredEntry | null {
  const [, index, hash, entry] = WRITTEN.exec(line) ?? [];
  if (index === undefined || hash === undefined || entry === undefined) return null;
  const claimed = hashOf(hash);
  const bytes = Buffer.from(entry, 'utf8');
  if (claimed === null || Buffer.compare(leafHash(bytes), claimed) !== 0) return null;
  return { index: Number(index), bytes, leafHash: claimed };
}

function readAnew(line: string, expected: number): StoredEntry {
  const parsed = ExportLine.safeParse(parsedJson(line));
  if (!parsed.success) {
    const bytes = Buffer.from(line, 'utf8');
    throw new ExportFault(entryFault(expected, 'its line of the export cannot be read', bytes));
  }
  const { index, leaf_hash } = parsed.data;
  const bytes = bytesOf(parsed.data);
  if (bytes === null) {
    throw new ExportFault(entryFault(index, 'its bytes cannot be rebuilt from the export'));
  }
  const leafHash = hashOf(leaf_hash);
  if (leafHash === null) {
    throw new ExportFault(entryFault(index, 'its leaf hash is not 32 bytes', bytes));
  }
  return { index, bytes, leafHash };
}

/** The one form of an entry's bytes: canonical JSON, or base64 of whatever was stored. */
function bytesOf(line: ExportLine): Uint8Array | null {
  if ('bytes' in line) {
    const bytes = Buffer.from(line.bytes, 'base64');
    return bytes.toString('base64') === line.bytes ? bytes : null;
  }
  try {
    return canonicalBytes(line.entry);
  } catch {
    return null;
  }
}

/** 32 bytes in hex or either base64, each in its one spelling. */
function hashOf(text: string): Uint8Array | null {
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    const bytes = Buffer.from(text, encoding);
    if (bytes.length === 32 && bytes.toString(encoding) === text) return bytes;
  }
  return null;
}
