/**
 * Numbered SQL, forward only. Each migration commits together with its own record, under one lock, so
 * that any number of servers may start at once and none ever finds half of one.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { CountersignError, type Secret } from '@countersign/core';
import { guarded, openClient, type Tx, transaction } from './database.ts';

export const MIGRATIONS = new URL('../../../migrations/', import.meta.url);

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
  readonly sql: string;
}

type Applied = Pick<Migration, 'number' | 'name' | 'sha256'>;

const FILE = /^(\d{4})_[a-z0-9_]+\.sql$/;
/** Any constant; every version of this product takes the same. */
const LOCK = 7_267_365_105;
/** A migration may rewrite a table, and wait for another server that does. */
const TIMEOUT_MS = 600_000;

/**
 * Brings the schema `countersign` up to date. @throws CountersignError `broker_unavailable` for an
 * edited migration, a gap, or a database newer than this code; nothing is changed then.
 */
export async function migrate(url: Secret, directory: URL = MIGRATIONS): Promise<void> {
  const known = await readMigrations(directory);
  const sql = openClient(url, { connections: 1, timeout: TIMEOUT_MS });
  try {
    let behind = true;
    while (behind) {
      behind = await guarded('migrate', () => transaction(sql, (tx) => applyNext(tx, known)));
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Applies one migration; false when there was none left. */
async function applyNext(tx: Tx, known: readonly Migration[]): Promise<boolean> {
  await tx`select pg_advisory_xact_lock(${LOCK})`;
  // IF NOT EXISTS would demand the right to create schemas on every start.
  const [schema] = await tx`select to_regnamespace('countersign') is not null as there`;
  if (schema?.['there'] !== true) await tx`create schema countersign`;
  await tx`create table if not exists countersign.migrations (
    number integer primary key, name text not null, sha256 text not null,
    applied_at timestamptz not null default now())`;
  const applied = await tx<Applied[]>`
    select number, name, sha256 from countersign.migrations order by number`;
  const next = nextOf(known, applied);
  if (next === null) return false;
  await tx.unsafe(next.sql);
  await tx`insert into countersign.migrations (number, name, sha256)
    values (${next.number}, ${next.name}, ${next.sha256})`;
  return true;
}

function nextOf(known: readonly Migration[], applied: readonly Applied[]): Migration | null {
  for (const [at, past] of applied.entries()) {
    const migration = known[at];
    if (past.number !== at + 1) throw refusal(`Migration ${at + 1} is missing in the database.`);
    if (migration === undefined) {
      throw refusal(`The database is newer than this version: it has migration ${past.name}.`);
    }
    if (migration.sha256 !== past.sha256) {
      throw refusal(`Migration ${past.name} was changed after it was applied.`);
    }
  }
  return known[applied.length] ?? null;
}

async function readMigrations(directory: URL): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name, at) => {
      if (Number(FILE.exec(name)?.[1]) !== at + 1) {
        throw refusal(`Migration file ${name} is not number ${at + 1}.`);
      }
      const sql = await readFile(new URL(name, directory), 'utf8');
      return { number: at + 1, name, sha256: createHash('sha256').update(sql).digest('hex'), sql };
    }),
  );
}

function refusal(message: string): CountersignError {
  return new CountersignError('broker_unavailable', message);
}
