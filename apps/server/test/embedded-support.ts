/** Directories that end with the test and whatever PostgreSQL still runs in them, and brokers to kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterEach } from 'vitest';
import { isRunning, poll } from '../src/embedded/process.ts';

export const silent = { info: () => undefined, warn: () => undefined };

export const childScript = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));

const directories: string[] = [];
const children: ChildProcess[] = [];
const sessions: postgres.Sql[] = [];

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((sql) => sql.end({ timeout: 1 })));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const directory of directories.splice(0)) {
    const pid = await postmasterPid(directory);
    if (pid !== undefined && isRunning(pid)) {
      process.kill(pid, 'SIGQUIT');
      await ended(pid);
    }
    await rm(directory, { recursive: true, force: true });
  }
});

/** A new directory of mode 0700, as `mktemp -d` makes them; the cluster goes into it or below. */
export async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  directories.push(directory);
  return directory;
}

/** A session that is closed after the test at the latest. */
export function connect(url: string, options: postgres.Options<Record<string, never>> = {}) {
  const sql = postgres(url, {
    max: 1,
    max_lifetime: null,
    connect_timeout: 5,
    onnotice: () => undefined,
    ...options,
  });
  sessions.push(sql);
  return sql;
}

export async function postmasterPid(directory: string): Promise<number | undefined> {
  try {
    const text = await readFile(join(directory, 'pgdata', 'postmaster.pid'), 'utf8');
    return Number(text.split('\n')[0]) || undefined;
  } catch {
    return undefined;
  }
}

export async function ended(pid: number): Promise<boolean> {
  return (await poll(() => (isRunning(pid) ? undefined : true), Date.now() + 20_000)) === true;
}

export interface Broker {
  /** Its line of JSON. */
  readonly said: Readonly<Record<string, unknown>>;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
}

/** Starts embedded-child.ts on `directory` and waits for what it says. */
export async function startBroker(
  directory: string,
  options: { uid?: number; gid?: number; env?: Record<string, string> } = {},
): Promise<Broker> {
  const child = spawn(process.execPath, [childScript, directory], {
    ...options,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise<string>((done, fail) => {
    lines.once('line', done);
    lines.once('close', () => fail(new Error('the broker said nothing')));
  });
  return {
    said: JSON.parse(line),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.stdin.write('stop\n');
      return await exited;
    },
  };
}
