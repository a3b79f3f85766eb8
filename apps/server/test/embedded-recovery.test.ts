import { spawn, spawnSync } from 'node:child_process';
import { chown, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';
import { isRunning } from '../src/embedded/process.ts';
import {
  childScript,
  connect,
  ended,
  newDirectory,
  postmasterPid,
  silent,
  startBroker,
} from './embedded-support.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

async function start(directory: string) {
  return await startEmbeddedPostgres({ directory, log: silent, durability: 'none' });
}

describe('after kill -9', () => {
  it('of the broker: adopts the server that runs on, then stops it', async () => {
    const directory = await newDirectory();
    const broker = await startBroker(directory);
    expect(broker.said).toMatchObject({ adopted: false });
    const pid = (await postmasterPid(directory)) ?? 0;
    await broker.kill();
    expect(isRunning(pid)).toBe(true);

    const next = await start(directory);
    expect(next).toMatchObject({ adopted: true, port: broker.said['port'] });
    expect(await postmasterPid(directory)).toBe(pid);
    await next.stop();
    expect(isRunning(pid)).toBe(false);
  });

  it('of broker and server: recovers what was committed', async () => {
    const directory = await newDirectory();
    const broker = await startBroker(directory);
    const password = await readFile(join(directory, 'superuser.password'), 'utf8');
    const url = `postgres://countersign:${password}@127.0.0.1:${broker.said['port']}/countersign`;
    await connect(url)`create table kept as select 42 as n`;
    const pid = (await postmasterPid(directory)) ?? 0;
    await broker.kill();
    process.kill(pid, 'SIGKILL');
    expect(await ended(pid)).toBe(true);
    expect(await postmasterPid(directory)).toBe(pid);

    const next = await start(directory);
    expect(next.adopted).toBe(false);
    expect(await connect(next.url().reveal())`select n from kept`).toEqual([{ n: 42 }]);
    await next.stop();
  });

  it('of the server alone: the broker that lost it can still stop', async () => {
    const directory = await newDirectory();
    const server = await start(directory);
    const pid = (await postmasterPid(directory)) ?? 0;
    process.kill(pid, 'SIGKILL');
    await ended(pid);
    await server.stop();
    const next = await start(directory);
    await next.stop();
  });

  it('of a broker while initdb ran: what it left is swept away', async () => {
    const directory = await newDirectory();
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    await mkdir(join(directory, `pgdata.new-${gone}-00ff`, 'base'), { recursive: true });
    const server = await start(directory);
    await expect(stat(join(directory, `pgdata.new-${gone}-00ff`))).rejects.toThrow('ENOENT');
    await server.stop();
  });
});

describe('a lock file left behind', () => {
  it('that names a process of the same user which is not PostgreSQL is set aside', async () => {
    const directory = await newDirectory();
    await (await start(directory)).stop();
    const { uid, gid } = await stat(join(directory, 'pgdata'));
    const other = spawn('sleep', ['60'], { uid, gid, cwd: '/', stdio: 'ignore' });
    const lock = join(directory, 'pgdata', 'postmaster.pid');
    await writeFile(lock, `${other.pid}\n/proc/self/cwd\n1790000000\n5432\n\n127.0.0.1\n\nready\n`);
    await chown(lock, uid, gid);

    const server = await start(directory);
    expect(server.adopted).toBe(false);
    expect(await postmasterPid(directory)).not.toBe(other.pid);
    expect(other.exitCode).toBeNull();
    other.kill();
    await server.stop();
  });

  it('that is empty and old is set aside', async () => {
    const directory = await newDirectory();
    await (await start(directory)).stop();
    const { uid, gid } = await stat(join(directory, 'pgdata'));
    const lock = join(directory, 'pgdata', 'postmaster.pid');
    await writeFile(lock, '');
    await chown(lock, uid, gid);
    await utimes(lock, new Date('2026-01-01Z'), new Date('2026-01-01Z'));
    const server = await start(directory);
    expect(server.adopted).toBe(false);
    await server.stop();
  });
});

describe('starts at once', () => {
  it('on an empty directory share one server, and the last to leave stops it', async () => {
    const directory = await newDirectory();
    const brokers = await Promise.all([1, 2, 3].map(() => startBroker(directory)));
    const said = brokers.map((broker) => broker.said);
    expect(new Set(said.map(({ systemIdentifier }) => systemIdentifier)).size).toBe(1);
    expect(new Set(said.map(({ port }) => port)).size).toBe(1);
    expect(said.filter(({ adopted }) => adopted === false)).toHaveLength(1);
    const pid = (await postmasterPid(directory)) ?? 0;
    for (const broker of brokers) {
      expect(isRunning(pid)).toBe(true);
      expect(await broker.stop()).toBe(0);
    }
    expect(isRunning(pid)).toBe(false);
  });

  it('while another broker stops always end with a server', async () => {
    const directory = await newDirectory();
    let before = await start(directory);
    for (let round = 0; round < 5; round += 1) {
      const [, next] = await Promise.all([before.stop(), start(directory)]);
      expect(await connect(next.url().reveal())`select 1 as up`).toEqual([{ up: 1 }]);
      before = next;
    }
    await before.stop();
    expect(await postmasterPid(directory)).toBeUndefined();
  });
});

describe('whoever runs it', () => {
  it.runIf(isRoot)(
    'as root: PostgreSQL runs as another user, below a closed directory',
    async () => {
      const directory = join(await newDirectory(), 'closed');
      await mkdir(directory, { mode: 0o700 });
      const server = await start(join(directory, 'deeper'));
      const pid = await postmasterPid(join(directory, 'deeper'));
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const [uid] = /^Uid:\t(.*)$/m.exec(status)?.slice(1) ?? [];
      expect(new Set(uid?.split('\t')).size).toBe(1);
      expect(uid?.startsWith('0\t')).toBe(false);
      expect(/^Groups:\t *$/m.test(status)).toBe(true);
      await server.stop();
    },
  );

  it.runIf(isRoot)('as an ordinary user: PostgreSQL runs as that user', async (test) => {
    const directory = await newDirectory();
    await chown(directory, NOBODY, NOBODY);
    const readable = spawnSync(process.execPath, ['--check', childScript], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: directory,
    });
    if (readable.status !== 0) test.skip('other users cannot read this checkout');
    const broker = await startBroker(join(directory, 'state'), {
      uid: NOBODY,
      gid: NOBODY,
      env: {},
    });
    expect(broker.said).toMatchObject({ adopted: false });
    const pid = await postmasterPid(join(directory, 'state'));
    expect((await stat(`/proc/${pid}`)).uid).toBe(NOBODY);
    await broker.kill();

    const adopted = await startBroker(join(directory, 'state'), { uid: NOBODY, gid: NOBODY });
    expect(adopted.said).toMatchObject({ adopted: true });
    await adopted.kill();

    // Root takes over what an ordinary user began, and leaves it theirs.
    const asRoot = await start(join(directory, 'state'));
    expect(asRoot.adopted).toBe(true);
    await asRoot.stop();
    const again = await start(join(directory, 'state'));
    expect((await stat(join(directory, 'state', 'pgdata', 'postmaster.pid'))).uid).toBe(NOBODY);
    await again.stop();
  });
});
