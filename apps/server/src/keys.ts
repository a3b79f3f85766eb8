/**
 * What an operator does with the server's keys, on a server's machine and with its environment: the
 * database and the key file are all it takes, no server need be asked.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createTokenKeys, type TokenKeys, type TokenKeyView } from '@countersign/broker';
import { toInstant, uuidv7 } from '@countersign/core';
import type { Replica, Store } from '@countersign/store';
import { type Config, ConfigError, readConfig, shown } from './config.ts';
import { readKeks, replaceKeks } from './kek.ts';
import { createLogger } from './logger.ts';
import { type KekRotation, type KekRotationOptions, rotateKek } from './rotate-kek.ts';
import { openDatabase } from './serve.ts';
import { systemClock, systemRandom } from './wire.ts';

/** Keys by their ids and ages; nothing of it is secret. */
export interface KeyList {
  readonly keks: readonly {
    readonly id: string;
    readonly state: 'previous' | 'present' | 'next';
  }[];
  readonly tokens: readonly {
    readonly id: string;
    readonly state: TokenKeyView['state'];
    /** Instants. */
    readonly made_at: string;
    readonly signs_from: string;
    readonly ends_at: string;
  }[];
  readonly servers: readonly Pick<Replica, 'name' | 'keks' | 'intact'>[];
}

/** @throws ConfigError, CountersignError */
export async function rotateKekHere(
  env: NodeJS.ProcessEnv,
  options: Pick<KekRotationOptions, 'dryRun' | 'leaveForeign' | 'patience' | 'say'>,
): Promise<KekRotation> {
  return await withStore(env, ({ kekFile }, { keks }) =>
    rotateKek({
      ...options,
      keks,
      newId: () => uuidv7(systemClock, systemRandom),
      file: {
        read: () => readKeks(kekFile, false),
        replace: (keys) => replaceKeks(kekFile, keys),
      },
    }),
  );
}

/** @throws ConfigError, CountersignError */
export async function listKeys(env: NodeJS.ProcessEnv): Promise<KeyList> {
  return await withStore(env, async (_, store) => {
    const { keks } = store;
    const { held, present } = await keks.state();
    const at = held.indexOf(present);
    return {
      keks: held.map((id, i) => ({
        id,
        state: i < at ? 'previous' : i === at ? 'present' : 'next',
      })),
      tokens: await tokenKeysOf(await openTokenKeys(store)),
      servers: (await keks.replicas()).map(({ name, keks: ids, intact }) => ({
        name,
        keks: ids,
        intact,
      })),
    };
  });
}

/**
 * Publishes the next token key, or with `atOnce` ends every one there is and signs with a new one.
 * @throws ConfigError, CountersignError
 */
export async function rotateTokenKeyHere(
  env: NodeJS.ProcessEnv,
  options: { readonly atOnce: boolean },
): Promise<KeyList['tokens']> {
  return await withStore(env, async (_, store) => {
    const keys = await openTokenKeys(store);
    await keys.rotate(options.atOnce);
    return tokenKeysOf(keys);
  });
}

async function openTokenKeys({ tokenKeys }: Store): Promise<TokenKeys> {
  return await createTokenKeys({
    rows: tokenKeys,
    clock: systemClock,
    random: systemRandom,
    log: createLogger('silent'),
  });
}

function tokenKeysOf(keys: TokenKeys): KeyList['tokens'] {
  return keys.list().map(({ kid, state, madeAt, signsFrom, endsAt }) => ({
    id: kid,
    state,
    made_at: toInstant(madeAt),
    signs_from: toInstant(signsFrom),
    ends_at: toInstant(endsAt),
  }));
}

/** Looking after keys makes no broker where there is none. */
function requireBroker({ databaseUrl, dataDir }: Config): void {
  if (databaseUrl !== null || existsSync(join(dataDir, 'postgres'))) return;
  throw new ConfigError(
    'COUNTERSIGN_DATA_DIR',
    `is ${shown(dataDir)}, where no broker has run. Name the server's data directory, or its database with DATABASE_URL.`,
  );
}

async function withStore<T>(
  env: NodeJS.ProcessEnv,
  work: (config: Config, store: Store) => Promise<T>,
): Promise<T> {
  const config = readConfig(env);
  requireBroker(config);
  const { store, embedded } = await openDatabase(config, createLogger('silent'));
  try {
    return await work(config, store);
  } finally {
    await store.close();
    await embedded?.stop();
  }
}
