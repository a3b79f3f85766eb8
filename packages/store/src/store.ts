/** The broker's ports on PostgreSQL 15 or newer: one object, opened once a process. */
import type {
  AccessRequests,
  Codes,
  Holds,
  Journal,
  Leases,
  ReplayIds,
  Restorer,
  SealedCredentials,
  SealedKeys,
  Snapshots,
  TokenKeyRows,
  Usage,
  Uses,
} from '@countersign/broker';
import { type Clock, Secret } from '@countersign/core';
import { openAccessRequests } from './access-requests.ts';
import { openCodes } from './codes.ts';
import { Committer } from './committer.ts';
import { guarded, guardedRead, openClient, type Sql } from './database.ts';
import { foldVersion } from './fold-version.ts';
import type { CommittedBatch } from './group-commit.ts';
import { createHead } from './head.ts';
import { HOLDING, openHolds } from './holds.ts';
import { openJournal } from './journal.ts';
import { KekRing } from './kek-ring.ts';
import { type Keks, openKeks } from './keks.ts';
import { openLeases } from './leases.ts';
import { type LedgerReader, openLedgerReader } from './ledger-reader.ts';
import { migrate } from './migrate.ts';
import { openReplayIds } from './replay.ts';
import { openRestorer } from './restorer.ts';
import { openSealedCredentials } from './sealed-credentials.ts';
import { openSealedKeys } from './sealed-keys.ts';
import { openSnapshots } from './snapshots.ts';
import { openTables } from './tables.ts';
import { openTokenKeys } from './token-keys.ts';
import { openUsage } from './usage.ts';
import { type EditedCounter, openUses } from './uses.ts';

export interface StoreOptions {
  /** `postgres://…` */
  readonly url: Secret;
  /** 32 bytes; several in the order they were made, while one takes the place of another. */
  readonly kek: Secret<Uint8Array> | readonly Secret<Uint8Array>[];
  readonly clock: Clock;
  /**
   * Connections for reads, and as many for the plain tables; three more commit, one listens, and sixteen at most
   * hold objects still for requests that are forwarded. `docs/how-to/production.md` has the sum.
   */
  readonly poolSize?: number;
  /** Where the numbered SQL is, when not beside the sources. */
  readonly migrations?: URL;
  /** Told after each commit, whatever became of it. Must not throw. */
  readonly onBatch?: (batch: CommittedBatch) => void;
  /** Told of a use counter that somebody set back: the ledger counts more. Must not throw. */
  readonly onEditedCounter?: (counter: EditedCounter) => void;
}

export interface Store {
  readonly journal: Journal;
  readonly leases: Leases;
  readonly accessRequests: AccessRequests;
  readonly codes: Codes;
  readonly replayIds: ReplayIds;
  readonly uses: Uses;
  readonly holds: Holds;
  readonly usage: Usage;
  readonly sealedCredentials: SealedCredentials;
  readonly sealedKeys: SealedKeys;
  readonly tokenKeys: TokenKeyRows;
  readonly snapshots: Snapshots;
  /** The key-encryption keys this server holds, and their rotation. */
  readonly keks: Keks;
  readonly ledger: LedgerReader;
  readonly restorer: Restorer;
  /** The cluster's own id (`pg_control_system`). A copied cluster keeps it. */
  systemIdentifier(): Promise<string>;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  /** Waits for commits in flight, then closes every connection. */
  close(): Promise<void>;
}

/** One commits; the others find out what became of it when its answer is lost. */
const COMMIT_CONNECTIONS = 3;

/**
 * Migrates and opens. @throws CountersignError `broker_unavailable` when the database cannot be used, is
 * newer than this code, or holds a ledger of another key-encryption key
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { url, clock, poolSize = 4 } = options;
  const ring = new KekRing(options.kek instanceof Secret ? [options.kek] : options.kek);
  await migrate(url, options.migrations);

  const commits = openClient(url, { connections: COMMIT_CONNECTIONS, plansOnce: true });
  const reads = openClient(url, { connections: poolSize });
  const plain = openClient(url, { connections: poolSize });
  const holding = openClient(url, HOLDING);
  const end = async () => {
    await Promise.all(
      [commits, reads, plain, holding].map((client: Sql) => client.end({ timeout: 1 })),
    );
  };
  const tables = openTables(plain);
  const committer = new Committer({ sql: commits, ring, clock });
  try {
    await guarded('make the head', () => createHead(commits, ring.first));
    await committer.refresh();
  } catch (error) {
    await end();
    throw error;
  }
  const journal = openJournal({
    committer,
    sql: reads,
    clock,
    onBatch: options.onBatch ?? null,
  });

  return {
    journal,
    leases: openLeases(tables, ring, clock),
    accessRequests: openAccessRequests(tables, ring),
    codes: openCodes(tables, ring, committer),
    replayIds: openReplayIds(reads, tables),
    uses: openUses({
      sql: reads,
      committer,
      onEdited: options.onEditedCounter ?? (() => undefined),
    }),
    holds: openHolds(holding),
    usage: openUsage(reads),
    sealedCredentials: openSealedCredentials(tables, ring, committer),
    sealedKeys: openSealedKeys(tables, ring, committer),
    tokenKeys: openTokenKeys(reads, ring, committer),
    snapshots: openSnapshots({ sql: reads, ring, committer, fold: foldVersion() }),
    keks: openKeks({ ring, committer, sql: reads, tables, clock }),
    ledger: openLedgerReader(reads, journal.read),
    restorer: openRestorer(committer, reads),

    async systemIdentifier() {
      const [row] = await guardedRead(
        'tell its identifier',
        () => reads<{ id: string }[]>`
        select system_identifier::text as id from pg_control_system()`,
      );
      return row?.id ?? '';
    },
    async ping() {
      await guardedRead('answer', () => reads`select 1`);
    },
    async close() {
      await journal.idle();
      await end();
    },
  };
}
