export type { CommittedBatch } from './group-commit.ts';
export type { Keks, KeyState, Survey } from './keks.ts';
export type { LedgerReader } from './ledger-reader.ts';
export { MIGRATIONS, migrate } from './migrate.ts';
export { ANNOUNCE_EVERY, type Replica } from './replicas.ts';
export { examineRole } from './role.ts';
export { openStore, type Store, type StoreOptions } from './store.ts';
