/**
 * One script in one transaction that it cannot end. PL/pgSQL's EXECUTE takes the text as a value, so
 * nothing in it closes a quote, and PostgreSQL itself refuses in there whatever ends a transaction or
 * needs to be outside of one. What the script leaves is looked at before anybody commits it.
 */
import type { Random, Secret } from '@countersign/core';
import { ProviderError, type ScriptFailure } from '@countersign/provider-kit';
import postgres from 'postgres';
import { type CatalogChanges, changesBetween, type TouchedRows } from './catalog-changes.ts';
import { readCatalog } from './catalog-snapshot.ts';
import type { DraftConfig } from './config.ts';
import { proveSession } from './connect.ts';
import { toTargetError } from './driver-error.ts';
import type { SchemaOwner } from './owner.ts';
import { openSession, type Transaction } from './session.ts';

/** UTF-8 bytes. */
const LONGEST_SCRIPT = 16_384;
/** Milliseconds a script waits for a lock before it fails: production waits behind it. */
const LOCK_TIMEOUT = 2_000;
/** PostgreSQL's names for what scripts run into most (its manual, appendix A). */
const CONDITIONS: Readonly<Record<string, string>> = {
  '0A000': 'feature_not_supported',
  '22P02': 'invalid_text_representation',
  '23502': 'not_null_violation',
  '23503': 'foreign_key_violation',
  '23505': 'unique_violation',
  '23514': 'check_violation',
  '25001': 'active_sql_transaction',
  '2BP01': 'dependent_objects_still_exist',
  '2D000': 'invalid_transaction_termination',
  '3F000': 'invalid_schema_name',
  '42501': 'insufficient_privilege',
  '42601': 'syntax_error',
  '42701': 'duplicate_column',
  '42703': 'undefined_column',
  '42704': 'undefined_object',
  '42710': 'duplicate_object',
  '42883': 'undefined_function',
  '42P01': 'undefined_table',
  '42P07': 'duplicate_table',
  '55P03': 'lock_not_available',
  '57014': 'query_canceled',
};
/** Milliseconds for the look at the catalogs. */
const LOOK_TIMEOUT = 15_000;

/** What to run, as whom, and until when. */
export interface Script {
  readonly text: string;
  readonly owner: SchemaOwner;
  /** Milliseconds. */
  readonly limit: number;
  /** Called right before the script itself begins. */
  readonly requireStart: () => void;
}

/** The script has run and is not committed. `xid` is its transaction's `pg_current_xact_id`. */
interface Executed {
  readonly xid: string;
  readonly changes: CatalogChanges;
}

/** What to do with it: true commits. */
export type Verdict = (executed: Executed) => Promise<boolean>;

export type ScriptResult =
  | { readonly failure: ScriptFailure }
  | { readonly failure: null; readonly committed: boolean; readonly executed: Executed };

/** @throws ProviderError `refused` for what is no script */
export function requireScript(text: string): void {
  if (text.trim() === '') throw new ProviderError('refused', 'The SQL is empty.');
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new ProviderError('refused', 'The SQL is not text: it holds a NUL or half a character.');
  }
  if (Buffer.byteLength(text, 'utf8') > LONGEST_SCRIPT) {
    throw new ProviderError('refused', `The SQL is longer than ${LONGEST_SCRIPT} bytes.`);
  }
}

/**
 * Runs `script` in a session of its own as `login` and asks `verdict` whether it is committed.
 * @throws ProviderError; `unknown_outcome` when the answer to COMMIT was lost. The login outlives it.
 */
export async function executeScript(
  config: DraftConfig,
  login: { readonly role: string; readonly password: Secret },
  script: Script,
  verdict: Verdict,
  random: Random,
): Promise<ScriptResult> {
  const account = { ...config, username: login.role };
  const session = openSession(account, login.password, random);
  const { sql } = session;
  // SQL can lift PostgreSQL's own timeouts; this one it cannot reach.
  const limit = setTimeout(session.cut, script.limit + 2 * LOOK_TIMEOUT);
  let commitSent = false;
  try {
    await sql.unsafe('BEGIN');
    await proveSession(sql, account);
    await settle(sql, LOOK_TIMEOUT);
    const before = await readCatalog(sql);
    const [row] = await sql<{ xid: string }[]>`SELECT pg_catalog.pg_current_xact_id()::text AS xid`;
    if (row === undefined) throw new ProviderError('unavailable', 'The transaction has no number.');
    script.requireStart();
    const failure = await perform(sql, script);
    if (failure !== null) return { failure };
    await settle(sql, LOOK_TIMEOUT);
    const executed = { xid: row.xid, changes: await changesSince(sql, row.xid, before) };
    const committed = await verdict(executed);
    if (!committed) return { failure: null, committed, executed };
    commitSent = true;
    await sql.unsafe('COMMIT');
    return { failure: null, committed, executed };
  } catch (error) {
    throw toTargetError(error, commitSent);
  } finally {
    clearTimeout(limit);
    // Whatever was not committed is gone with the session, and its locks with it.
    if (!commitSent) await sql.unsafe('ROLLBACK').catch(() => {});
    await session.end();
  }
}

/** Ours again, whatever a script set: nobody's rights or names, our encoding and limits, a durable commit. */
async function settle(sql: Transaction, timeout: number): Promise<void> {
  await sql.unsafe('SET LOCAL ROLE NONE; RESET ALL');
  await sql`
    SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
      pg_catalog.set_config('client_encoding', 'UTF8', true),
      pg_catalog.set_config('statement_timeout', ${String(timeout)}::text, true),
      pg_catalog.set_config('lock_timeout', ${String(LOCK_TIMEOUT)}::text, true),
      pg_catalog.set_config('idle_in_transaction_session_timeout', '60s', true),
      pg_catalog.set_config('synchronous_commit', CASE
        WHEN pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' THEN 'on'
        ELSE pg_catalog.current_setting('synchronous_commit') END, true)`;
}

/** Law 1: what was signed is what runs, the very text, as one value. @returns null when it went through */
async function perform(sql: Transaction, script: Script): Promise<ScriptFailure | null> {
  const { role, schema } = script.owner;
  await sql`
    SELECT pg_catalog.set_config('countersign.script', ${script.text}::text, true),
      pg_catalog.set_config('statement_timeout', ${String(script.limit)}::text, true),
      pg_catalog.set_config('search_path', ${schema}::text, true)`;
  await sql.unsafe(`SET LOCAL ROLE ${role}`);
  try {
    await sql.unsafe(
      `DO $run$ BEGIN EXECUTE pg_catalog.current_setting('countersign.script'); END $run$ LANGUAGE plpgsql`,
    );
    // What waits for the commit happens now, where it is seen.
    await sql.unsafe(`SET LOCAL ROLE ${role}; SET CONSTRAINTS ALL IMMEDIATE`);
    return null;
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || error.severity !== 'ERROR') throw error;
    const name = CONDITIONS[error.code] ?? null;
    return { code: error.code, name, position: positionIn(script.text, error) };
  }
}

/** Only a position in the script itself: an error in a function that it calls points into that. */
function positionIn(text: string, error: postgres.PostgresError): number | null {
  if (error.internal_query !== text) return null;
  const position = Number(error.internal_position);
  return Number.isSafeInteger(position) && position > 0 ? position : null;
}

async function changesSince(
  sql: Transaction,
  xid: string,
  before: Awaited<ReturnType<typeof readCatalog>>,
): Promise<CatalogChanges> {
  const after = await readCatalog(sql);
  const rows = await sql<(TouchedRows & { xid: string })[]>`
    SELECT pg_catalog.quote_ident(s.schemaname) || '.' || pg_catalog.quote_ident(s.relname) AS table,
      s.n_tup_ins::int8::float8 AS inserted, s.n_tup_upd::float8 AS updated, s.n_tup_del::float8 AS deleted,
      pg_catalog.pg_current_xact_id()::text AS xid
    FROM (SELECT) one LEFT JOIN pg_catalog.pg_stat_xact_user_tables s
      ON s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0 AND s.schemaname !~ '^pg_'`;
  // The transaction we look at is the one that began; anything else was never judged.
  if (rows.some((row) => row.xid !== xid)) {
    throw new ProviderError('unknown_outcome', 'The script left its transaction.');
  }
  return changesBetween(
    before,
    after,
    rows.flatMap(({ table, inserted, updated, deleted }) =>
      table === null ? [] : [{ table, inserted, updated, deleted }],
    ),
  );
}
