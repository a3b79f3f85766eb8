/**
 * Pools of connections to targets. Every transaction begins by asking whom it reached, so that an
 * address, a pooler or a copied cluster cannot stand in for the database that humans signed.
 */
import { createHmac } from 'node:crypto';
import type { Random, Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import postgres from 'postgres';
import type { DraftConfig, PostgresConfig } from './config.ts';
import { TargetError, toTargetError } from './driver-error.ts';
import { keepSessions, openSession, type Transaction } from './session.ts';

/** Whom a transaction reached, as the server says. */
export interface Reached {
  readonly systemIdentifier: string;
  /** `server_version_num`, e.g. 160004. */
  readonly version: number;
  readonly databaseOid: number;
  readonly superuser: boolean;
  readonly mayCreateRoles: boolean;
  readonly inherits: boolean;
}

/** The oldest PostgreSQL whose defaults the rest of this package relies on. */
const OLDEST_VERSION = 150000;
/** The first PostgreSQL whose memberships say for themselves whether they inherit and allow SET. */
export const MEMBERSHIP_OPTIONS = 160000;
/** Milliseconds; a server that went silent must not keep a session for as long as TCP hopes. */
const LONGEST_TRANSACTION = 30_000;
/** How often a transaction that met another one is tried. */
const ATTEMPTS = 12;

type Work<T> = (tx: Transaction, reached: Reached) => Promise<T>;

/** One database at one address, as one account. */
export interface Target {
  readonly config: DraftConfig;
  /**
   * Runs `work` in one transaction after proving the session.
   * @throws ProviderError (inside this package a TargetError), never a driver error
   */
  transaction<T>(work: Work<T>): Promise<T>;
  /**
   * As `transaction`, again after a conflict: for what adds rows to the catalogs and changes none.
   * @param mayBegin throws a ProviderError when it is too late; asked at its turn, before anything is sent
   */
  again<T>(work: Work<T>, mayBegin?: () => void): Promise<T>;
  /**
   * As `again`, one at a time in this process: for what changes
   * access lists. No advisory lock: any lease could take it, and so brake every other's revocation.
   */
  exclusively<T>(work: Work<T>, mayBegin?: () => void): Promise<T>;
  /** The same account in another database of the cluster. The caller closes it. */
  inDatabase(database: string): Target;
  close(): Promise<void>;
}

export function openTarget(config: DraftConfig, credential: Secret, random: Random): Target {
  if (credential.reveal() === '') {
    throw new ProviderError('misconfigured', 'The root credential of this connection is empty.');
  }
  const sessions = keepSessions(() => openSession(config, credential, random));
  let turn: Promise<unknown> = Promise.resolve();

  const transaction = async <T>(work: Work<T>, mayBegin: () => void): Promise<T> => {
    const session = await sessions.acquire();
    try {
      mayBegin();
    } catch (error) {
      // At a target that hangs each turn takes seconds: whoever waited too long must not take another.
      sessions.release(session);
      throw error;
    }
    const { sql } = session;
    const limit = setTimeout(session.cut, LONGEST_TRANSACTION);
    let commitSent = false;
    try {
      await sql.unsafe('BEGIN');
      const value = await work(sql, await proveSession(sql, config));
      commitSent = true;
      await sql.unsafe('COMMIT');
      return value;
    } catch (error) {
      const sound = session.usable() && isAboutStatement(error);
      if (sound && !commitSent) await sql.unsafe('ROLLBACK').catch(session.end);
      else await session.end();
      throw toTargetError(error, commitSent);
    } finally {
      clearTimeout(limit);
      sessions.release(session);
    }
  };
  return {
    config,
    transaction: (work) => transaction(work, atAnyTime),
    again: (work, mayBegin = atAnyTime) => retryConflicts(() => transaction(work, mayBegin)),
    exclusively: (work, mayBegin = atAnyTime) => {
      const mine = turn.then(() => retryConflicts(() => transaction(work, mayBegin)));
      turn = mine.catch(() => {});
      return mine;
    },
    inDatabase: (database) => openTarget({ ...config, database }, credential, random),
    close: () => sessions.close(),
  };
}

const atAnyTime = (): void => {};

/** The statement failed, or the work around it did; the connection itself is sound. */
function isAboutStatement(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return error.severity === 'ERROR';
  return error instanceof ProviderError;
}

/** Runs `work` again while another transaction was in its way. */
export async function retryConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TargetError && error.conflict)) throw error;
      if (attempt === ATTEMPTS) throw new TargetError('unavailable', error.message);
    }
  }
}

/** The open targets by connection; a changed configuration or credential replaces its pool. */
export class Targets {
  readonly #random: Random;
  readonly #key: Uint8Array;
  readonly #open = new Map<string, { readonly digest: string; readonly target: Target }>();

  constructor(random: Random) {
    this.#random = random;
    this.#key = random.bytes(32);
  }

  of(connectionId: string, config: PostgresConfig, credential: Secret): Target {
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([Object.entries(config).sort(), credential.reveal()]))
      .digest('hex');
    const open = this.#open.get(connectionId);
    if (open?.digest === digest) return open.target;
    void open?.target.close();
    const target = openTarget(config, credential, this.#random);
    this.#open.set(connectionId, { digest, target });
    return target;
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ target }) => target.close()));
  }
}

/**
 * The first statement of every transaction. It also takes away what the role's or database's own
 * settings could bend: the search path, endless statements, commits that are not durable; and what
 * would take longer over our queries of the catalogs than they do: compiling, and planning them anew.
 */
export async function proveSession(tx: Transaction, config: DraftConfig): Promise<Reached> {
  const [row] = await tx<
    {
      system_identifier: string;
      version: number;
      database: string;
      database_oid: number;
      current: string;
      session: string;
      standby: boolean;
      superuser: boolean;
      may_create_roles: boolean;
      inherits: boolean;
    }[]
  >`
    SELECT pg_catalog.set_config('search_path', '', true),
      pg_catalog.set_config('statement_timeout', '10s', true),
      pg_catalog.set_config('lock_timeout', '2s', true),
      pg_catalog.set_config('idle_in_transaction_session_timeout', '30s', true),
      pg_catalog.set_config('jit', 'off', true),
      pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
      pg_catalog.set_config('synchronous_commit', CASE
        WHEN pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' THEN 'on'
        ELSE pg_catalog.current_setting('synchronous_commit') END, true),
      c.system_identifier::text AS system_identifier,
      pg_catalog.current_setting('server_version_num')::int AS version,
      d.datname AS database, d.oid AS database_oid,
      current_user AS current, session_user AS session,
      pg_catalog.pg_is_in_recovery() AS standby,
      r.rolsuper AS superuser, r.rolcreaterole AS may_create_roles, r.rolinherit AS inherits
    FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d, pg_catalog.pg_roles r
    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
      AND r.rolname OPERATOR(pg_catalog.=) current_user`;
  if (row === undefined) throw misconfigured('The server does not say who is connected to what.');
  if (row.version < OLDEST_VERSION) throw misconfigured('PostgreSQL 15 or newer is needed.');
  if (row.standby) throw misconfigured('This server is a read-only standby; use its primary.');
  const pinned = config.system_identifier;
  if (pinned !== undefined && row.system_identifier !== pinned) {
    throw misconfigured(
      `Another cluster answers at this address: its system identifier is ${row.system_identifier}, the signed one is ${pinned}.`,
    );
  }
  if (
    row.database !== config.database ||
    row.current !== config.username ||
    row.session !== row.current
  ) {
    throw misconfigured('The server connected this session to another database or account.');
  }
  return {
    systemIdentifier: row.system_identifier,
    version: row.version,
    databaseOid: row.database_oid,
    superuser: row.superuser,
    mayCreateRoles: row.may_create_roles,
    inherits: row.inherits,
  };
}

function misconfigured(message: string): ProviderError {
  return new ProviderError('misconfigured', message);
}
