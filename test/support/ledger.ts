/** The ledger as the export tells it, for tests that count what is in it. */
import { ExportLine } from '@countersign/contract';
import { type VerifyReport, verifyExport } from '@countersign/verify';
import type { Person } from './people.ts';

export interface LedgerEntry {
  readonly index: number;
  readonly type: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function readLedger(reader: Person): Promise<LedgerEntry[]> {
  const found: LedgerEntry[] = [];
  for await (const line of reader.client.exportLines({ authority: false })) {
    const parsed = ExportLine.safeParse(JSON.parse(line));
    if (!parsed.success || !('entry' in parsed.data)) continue;
    const { entry, index } = parsed.data;
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) continue;
    const { type, body } = entry;
    if (typeof type !== 'string' || typeof body !== 'object' || body === null) continue;
    if (!Array.isArray(body)) found.push({ index, type, body });
  }
  return found;
}

/** The whole ledger, exported and verified as an auditor would. */
export async function verifyLedger({ client }: Person): Promise<VerifyReport> {
  return await verifyExport(client.exportLines({ authority: false }));
}
