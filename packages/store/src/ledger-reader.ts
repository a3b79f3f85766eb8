/**
 * The ledger exactly as stored, checked by nobody: for audits, which must see what a head or an entry
 * was changed to, and for the tiles that mirrors copy.
 */
import type { Journal } from '@countersign/broker';
import { guardedRead, type Sql } from './database.ts';
import { readHeadRow } from './head.ts';

export interface LedgerReader {
  /** The stored head, MAC unchecked. */
  head(): Promise<{ readonly size: number; readonly root: Uint8Array }>;
  readonly read: Journal['read'];
  /** The 8192 bytes of a full tile; null where it is not complete. */
  tile(level: number, index: number): Promise<Uint8Array | null>;
}

export function openLedgerReader(sql: Sql, read: Journal['read']): LedgerReader {
  return {
    read,
    async head() {
      const { size, root } = await guardedRead('read the head', () => readHeadRow(sql, false));
      return { size, root };
    },
    async tile(level, index) {
      const [row] = await guardedRead(
        'read a tile',
        () => sql<{ bytes: Uint8Array }[]>`
        select bytes from countersign.tiles where level = ${level} and index = ${index}`,
      );
      return row?.bytes ?? null;
    },
  };
}
