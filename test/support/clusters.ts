/**
 * The two databases of a deployment, as the product makes them. A run of the tests makes each once and copies it for
 * every deployment: to make one takes PostgreSQL ten times as long as to start one. What making them is like, is
 * tested beside the code that does it.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  createLogger,
  type EmbeddedPostgres,
  type Playground,
  startEmbeddedPostgres,
  startPlayground,
} from '@countersign/server';

const log = createLogger('silent');

export interface Databases {
  readonly playground: Playground;
  /** Countersign's own. */
  readonly database: EmbeddedPostgres;
}

interface Options {
  readonly durability: 'full' | 'none';
  /** More variables of both processes. */
  readonly environment?: Readonly<Record<string, string>>;
  /** More of `postgresql.conf` for Countersign's own. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Both under `directory`. What was started is in `undo`, even where the other did not start. */
export async function startDatabases(
  directory: string,
  undo: (() => Promise<unknown>)[],
  { durability, environment = {}, settings = {} }: Options,
): Promise<Databases> {
  const [own, target] = [join(directory, 'postgres'), join(directory, 'playground')];
  const [playground, database] = await Promise.allSettled([
    copyInto(target, 'playground', makePlayground).then(() =>
      startPlayground({ directory: target, log, durability, environment }),
    ),
    copyInto(own, 'postgres', makeDatabase).then(() =>
      startEmbeddedPostgres({
        directory: own,
        log,
        durability,
        environment,
        extraSettings: settings,
      }),
    ),
  ]);
  for (const started of [playground, database]) {
    if (started.status === 'fulfilled') undo.push(() => started.value.stop());
  }
  if (playground.status === 'rejected') throw playground.reason;
  if (database.status === 'rejected') throw database.reason;
  return { playground: playground.value, database: database.value };
}

type Make = (directory: string) => Promise<void>;

async function makePlayground(directory: string): Promise<void> {
  const made = await startPlayground({ directory, log, durability: 'none' });
  await made.stop();
  // Each start keeps the port of the first; a copy takes one of its own.
  await rm(join(directory, 'port'));
}

async function makeDatabase(directory: string): Promise<void> {
  const made = await startEmbeddedPostgres({ directory, log, durability: 'none' });
  await made.stop();
}

/** Nothing where no run of the tests has a place for what is copied. */
async function copyInto(directory: string, name: string, make: Make): Promise<void> {
  const kept = process.env['COUNTERSIGN_TEST_CLUSTERS'];
  if (kept === undefined) return;
  const original = join(kept, name);
  if (!(await exists(original))) await makeOriginal(original, make);
  await promisify(execFile)('cp', ['-a', original, directory]);
}

/** Of several that make it at once, the first to be done. */
async function makeOriginal(original: string, make: Make): Promise<void> {
  const making = `${original}-${randomUUID()}`;
  await mkdir(making, { recursive: true, mode: 0o700 });
  try {
    await make(making);
    await rename(making, original);
  } catch (error) {
    if (!(await exists(original))) throw error;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
