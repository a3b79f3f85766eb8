/**
 * The one place that opens connections and hears the driver's errors. Those name parameters, and a
 * parameter may be a secret: what leaves here is a CountersignError with an SQLSTATE and no more.
 */
import { CountersignError, type Secret } from '@countersign/core';
import postgres from 'postgres';

/** PostgreSQL's int8 as a number: indices and counters stay below 2^53. */
type Types = { int8: number };
export type Sql = postgres.Sql<Types>;
export type Tx = postgres.TransactionSql<Types>;
/** What can run a query: a client or a transaction. */
export type Querier = postgres.ISql<Types>;

/** How long the server may take, so that a hung replica cannot hold the head (architecture, hot path). */
const SERVER_TIMEOUT_MS = 2000;

interface ConnectionBounds {
  readonly connections: number;
  /** Server-side bound of each statement and lock, in milliseconds. */
  readonly timeout?: number;
  /** Server-side bound of an open transaction that does nothing, in milliseconds; left out: the same. */
  readonly idle?: number;
  /** Plans each prepared statement once: for the few that run all the time, with no tables to choose between. */
  readonly plansOnce?: boolean;
}

/** Opens a client. Nothing is sent before its first query. @throws CountersignError for a URL that is none */
export function openClient(url: Secret, bounds: ConnectionBounds): Sql {
  const timeout = bounds.timeout ?? SERVER_TIMEOUT_MS;
  try {
    return postgres(url.reveal(), {
      max: bounds.connections,
      connect_timeout: 5,
      onnotice: () => undefined,
      connection: {
        application_name: 'countersign',
        search_path: 'pg_catalog',
        TimeZone: 'UTC',
        statement_timeout: timeout,
        lock_timeout: timeout,
        idle_in_transaction_session_timeout: bounds.idle ?? timeout,
        ...(bounds.plansOnce === true ? { plan_cache_mode: 'force_generic_plan' } : {}),
      },
      types: { int8: { to: 20, from: [20], serialize: String, parse: Number } },
    });
  } catch {
    // The cause would quote the URL, password included.
    throw new CountersignError('broker_unavailable', 'The database URL is not valid.');
  }
}

/** Array parameters with their type, since an empty or all-null array has none of its own. */
const ARRAY_TYPES = { text: 1009, bytea: 1001, uuid: 2951, int8: 1016 } as const;

export function arrayOf(
  sql: Querier,
  type: keyof typeof ARRAY_TYPES,
  values: readonly (string | number | Uint8Array | null)[],
) {
  return sql.array([...values], ARRAY_TYPES[type]);
}

/** The SQLSTATE of a driver's error, drizzle's wrapping included; null when the server did not speak. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'PostgresError' && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return error.cause === undefined ? null : sqlStateOf(error.cause);
}

/** True when the server itself said that the transaction did not happen. */
export function isCertainlyUndone(error: unknown): boolean {
  const state = sqlStateOf(error);
  // 08: connection; 57P: the server ended the session, perhaps after the commit; 40003: unknown by name.
  return state !== null && !state.startsWith('08') && !state.startsWith('57P') && state !== '40003';
}

/** True when the fault lies in what was sent (data or constraint), not in the server. */
export function isRowFault(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== null && (state.startsWith('22') || state.startsWith('23'));
}

/** A driver's error as one that may be shown: no query, no parameters, no row values. */
export function unavailable(what: string, error: unknown): CountersignError {
  if (error instanceof CountersignError) return error;
  const state = sqlStateOf(error);
  const why = state === null ? 'it could not be reached' : `SQLSTATE ${state}`;
  return new CountersignError('broker_unavailable', `The database failed to ${what}: ${why}.`);
}

/** Runs database work. @throws CountersignError `broker_unavailable` with `what` in place of the driver's words */
export async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(what, error);
  }
}

/**
 * Runs work that only reads, and runs it again when it lost its session: pooled sessions end unnoticed, of
 * a failover or an idle timeout, and whoever asks next finds out. Nothing that writes goes through here:
 * what became of a write whose answer was lost is not known. @throws as `guarded`
 */
export async function guardedRead<T>(what: string, work: () => Promise<T>): Promise<T> {
  return await guarded(what, () => pastLostSessions(work, () => true));
}

/** Sessions lost one after another before it is said: those of a pool, which may all have ended at once. */
const LOST_SESSIONS = 5;

/** Where nobody answers at all, the first connection that does not come up ends it. */
async function pastLostSessions<T>(work: () => Promise<T>, mayRepeat: () => boolean): Promise<T> {
  for (let lost = 1; ; lost += 1) {
    try {
      return await work();
    } catch (error) {
      if (lost > LOST_SESSIONS || !mayRepeat() || !isSessionLost(error)) throw error;
      // What ended in the same moment is heard of in one turn of the event loop, and closed in the next.
      for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/**
 * READ COMMITTED, so that a statement after a lock sees what was committed while it waited. Rejects as
 * `work` or the commit does.
 */
export async function transaction<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  let hasBegun = false;
  // In a box, because the driver would await an array element by element.
  const run = () =>
    sql.begin('isolation level read committed', async (tx) => {
      hasBegun = true;
      return { value: await unlessLost(work(tx)) };
    });
  // While nothing but BEGIN was sent this repeats nothing.
  return (await pastLostSessions(run, () => !hasBegun)).value;
}

/** Undoes `work` alone when it rejects. */
export async function savepoint(tx: Tx, work: (tx: Tx) => Promise<void>): Promise<void> {
  await tx.savepoint((inner) => unlessLost(work(inner)));
}

/**
 * The driver rolls back when a transaction's work rejects, and writing that to a connection that is gone
 * throws where nobody can catch it. So work that lost its connection stays pending: the driver rejects
 * the transaction by itself when a connection closes.
 */
function unlessLost<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (isConnectionLost(error)) return new Promise<never>(() => undefined);
    throw error;
  });
}

/** True when a session that there was is no more, by the server's word or without one. */
function isSessionLost(error: unknown): boolean {
  const state = sqlStateOf(error);
  // 08: connection; 57P01 to 57P03: the server stops, crashed or starts; 57P05: idle for too long.
  if (state !== null) return state.startsWith('08') || /^57P0[1235]$/.test(state);
  // Of drizzle's wrapping.
  if (error instanceof Error && error.cause !== undefined) return isSessionLost(error.cause);
  // What we ended ourselves, and what does not even come up, does no better a second time.
  return (
    isConnectionLost(error) &&
    !OURS.has(String(error.code)) &&
    !('syscall' in error && error.syscall === 'connect')
  );
}

const OURS: ReadonlySet<string> = new Set(['CONNECTION_ENDED', 'CONNECTION_DESTROYED']);

function isConnectionLost(error: unknown): error is Error & { readonly code: unknown } {
  if (!(error instanceof Error) || sqlStateOf(error) !== null || !('code' in error)) return false;
  const isOfSystem = 'errno' in error && 'syscall' in error;
  return isOfSystem || String(error.code).startsWith('CONNECTION_');
}

/** Rejects when `work` takes longer: a server behind a dead link answers never. `work` itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
