/** Every edit that was chosen by hand, by what it touches. */
import { ENTRIES, HEAD, STATEMENTS } from './edits-ledger.ts';
import { ROLLED_BACK, SINGLE_TABLES } from './edits-rollback.ts';
import { COUNTERS, KNOCKS, LEASES, SEALED } from './edits-rows.ts';
import { SCHEMA } from './edits-schema.ts';
import type { NamedEdit } from './hand.ts';

export const CHOSEN: Readonly<Record<string, readonly NamedEdit[]>> = {
  statements: STATEMENTS,
  entries: ENTRIES,
  head: HEAD,
  counters: COUNTERS,
  leases: LEASES,
  'sealed values': SEALED,
  'requests, codes and the rest': KNOCKS,
  'schema and settings': SCHEMA,
  'single tables of an earlier day': SINGLE_TABLES,
};

export { ROLLED_BACK };
