/**
 * One connection that lives once. The driver reconnects by itself, which would run the rest of a
 * transaction outside of it, and it does not survive a cut inside one; so each session gets a driver
 * of its own that may open a single socket, and is thrown away at the first doubt.
 */
import type { Random, Secret } from '@countersign/core';
import postgres from 'postgres';
import type { DraftConfig } from './config.ts';
import { TargetError } from './driver-error.ts';
import { GuardedSocket } from './guard.ts';

/** Queries on the one connection of a session. */
export type Transaction = postgres.Sql;

export interface Session {
  readonly sql: Transaction;
  /** False once the connection is known to be gone; its transaction is gone with it. */
  usable(): boolean;
  /** Ends it now, and with an error whatever waits on it. */
  cut(): void;
  /** Says goodbye if it can; never fails, never waits for long. */
  end(): Promise<void>;
}

export function openSession(config: DraftConfig, credential: Secret, random: Random): Session {
  const { host, port, sslmode, ca, database, username } = config;
  let socket: GuardedSocket | undefined;
  let ended = false;
  // Each setting is given, since the driver fills what is absent from the environment.
  const options = {
    // The guard connects and authenticates; the driver knows neither address nor password.
    socket: () => {
      if (socket !== undefined) throw new TargetError('unavailable', 'The connection was lost.');
      socket = new GuardedSocket({ host, port, sslmode, ca }, credential, random);
      return socket;
    },
    host: 'guarded',
    port: 5432,
    database,
    username,
    password: 'never-used',
    ssl: false,
    max: 1,
    idle_timeout: 0,
    connect_timeout: 5,
    max_lifetime: 0,
    backoff: false,
    keep_alive: null,
    // A session is ours alone, so what it prepared is there; planning our queries takes as long as they do.
    prepare: true,
    fetch_types: false,
    debug: false,
    connection: { application_name: 'countersign' },
    onnotice: () => {},
  };
  const sql = postgres(options);
  return {
    sql,
    usable: () => !ended && socket?.destroyed !== true,
    cut: () => {
      ended = true;
      socket?.destroy(new TargetError('unavailable', 'PostgreSQL did not answer in time.'));
    },
    end: async () => {
      ended = true;
      if (socket?.destroyed === false) await sql.end({ timeout: 1 }).catch(() => {});
      socket?.destroy();
    },
  };
}

/** Sessions kept between transactions of one target. */
export interface Sessions {
  /** Waits, first come first served, while all are in use. */
  acquire(): Promise<Session>;
  /** Gives one back; one that is not usable any more makes room for another. */
  release(session: Session): void;
  /** Ends the idle ones now and the others when they are given back. */
  close(): Promise<void>;
}

const MOST_SESSIONS = 4;
/** Milliseconds a session is kept without use. */
const IDLE = 10_000;

export function keepSessions(open: () => Session): Sessions {
  const idle = new Map<Session, NodeJS.Timeout>();
  const waiting: ((session: Session) => void)[] = [];
  let inUse = 0;
  let closed = false;

  const takeIdle = (): Session | null => {
    for (const [session, timer] of idle) {
      clearTimeout(timer);
      idle.delete(session);
      if (session.usable()) return session;
      void session.end();
    }
    return null;
  };
  return {
    acquire: async () => {
      if (closed) throw new TargetError('unavailable', 'This connection was closed.');
      if (inUse >= MOST_SESSIONS) return new Promise((resolve) => waiting.push(resolve));
      inUse += 1;
      return takeIdle() ?? open();
    },
    release: (session) => {
      const next = waiting.shift();
      const keep = session.usable() && !closed;
      if (!keep) void session.end();
      if (next !== undefined) {
        next(keep ? session : open());
        return;
      }
      inUse -= 1;
      if (!keep) return;
      const timer = setTimeout(() => {
        idle.delete(session);
        void session.end();
      }, IDLE);
      idle.set(session, timer.unref());
    },
    close: async () => {
      closed = true;
      const sessions = [...idle.keys()];
      for (const timer of idle.values()) clearTimeout(timer);
      idle.clear();
      await Promise.all(sessions.map((session) => session.end()));
    },
  };
}
