/**
 * Objects held still across every server: advisory locks of transactions that do nothing else, on a few
 * connections of their own. The database lets go of them by itself when a server dies.
 */
import { createHash } from 'node:crypto';
import type { Held, Holds } from '@countersign/broker';
import { CountersignError } from '@countersign/core';
import { type Sql, transaction, unavailable } from './database.ts';

/** Milliseconds to wait for a connection and for others to let go. */
const PATIENCE = 2_000;
/** Milliseconds that an object can be held, by the database's own clock. */
const LONGEST = 120_000;

/** Connections that hold, at most at once; none is opened before it is needed. */
export const HOLDING = { connections: 16, timeout: PATIENCE, idle: LONGEST } as const;

export function openHolds(sql: Sql): Holds {
  return {
    async hold(names, mode) {
      const keys = keysOf(names);
      const lost = new AbortController();
      const [taken, released] = [settling(), settling()];
      let isLate = false;
      const over = transaction(sql, async (tx) => {
        // Nobody waits for it any more.
        if (isLate) return;
        for (const key of keys) {
          if (mode === 'exclusive') await tx`select pg_advisory_xact_lock(${key}::int8)`;
          else await tx`select pg_advisory_xact_lock_shared(${key}::int8)`;
        }
        taken.resolve();
        await released.promise;
      }).catch((error: unknown) => {
        lost.abort();
        taken.reject(unavailable('hold an object still', error));
      });
      const timer = setTimeout(() => {
        taken.reject(
          new CountersignError(
            'broker_unavailable',
            'What this concerns is busy. Try again shortly.',
          ),
        );
      }, PATIENCE);
      try {
        await taken.promise;
      } catch (error) {
        isLate = true;
        released.resolve();
        throw error;
      } finally {
        clearTimeout(timer);
      }
      const held: Held = {
        lost: lost.signal,
        async release() {
          released.resolve();
          await over;
        },
      };
      return held;
    },
  };
}

/** Signed 64-bit keys, each once and in one order, so that no two wait for each other. */
function keysOf(names: readonly string[]): string[] {
  const keys = names.map((name) =>
    createHash('sha256').update(`countersign hold ${name}`).digest().readBigInt64BE(),
  );
  return [...new Set(keys)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).map(String);
}

function settling() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Whoever waits for it hears of it; where nobody does any more, that is no fault.
  promise.catch(() => undefined);
  return { promise, resolve: () => resolve(), reject };
}
