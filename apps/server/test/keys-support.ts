/** A PostgreSQL for tests of keys, emptied for each, and stores on it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Secret, uuidv7 } from '@countersign/core';
import { openStore, type Store } from '@countersign/store';
import postgres from 'postgres';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';
import type { KekBytes } from '../src/kek.ts';
import { createLogger } from '../src/logger.ts';

const clock = { now: () => Date.now() };
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
export const newId = (): string => uuidv7(clock, random);

export interface KeysDatabase {
  /** Runs SQL as the database's owner. */
  edit(text: string): Promise<readonly Record<string, unknown>[]>;
  open(kek: readonly KekBytes[]): Promise<Store>;
  /** Begins anew. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

export async function startKeysDatabase(): Promise<KeysDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-keys-'));
  const database = await startEmbeddedPostgres({
    directory: join(directory, 'postgres'),
    log: createLogger('silent'),
    durability: 'none',
  });
  const url: Secret = database.url();
  const sql = postgres(url.reveal(), { max: 1, onnotice: () => undefined });
  return {
    edit: async (text) => [...(await sql.unsafe(text))],
    open: (kek) => openStore({ url, kek, clock, poolSize: 2 }),
    empty: async () => {
      await sql.unsafe('drop schema if exists countersign cascade');
    },
    stop: async () => {
      await sql.end();
      await database.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** One entry, so that the ledger has begun. */
export async function begin(store: Store): Promise<void> {
  await store.journal.commit([
    {
      entries: [{ id: newId(), type: 'decision', body: {} }],
      authorityVersion: null,
      changesAuthority: false,
      notAfter: null,
      once: [],
      uses: [],
      lease: null,
      effects: [],
    },
  ]);
}
