export type { CommittedBatch } from './group-commit.ts';
export type { LedgerReader } from './ledger-reader.ts';
export { MIGRATIONS, migrate } from './migrate.ts';
export { openStore, type Store, type StoreOptions } from './store.ts';
