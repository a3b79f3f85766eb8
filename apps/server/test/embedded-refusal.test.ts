import { chmod, chown, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromPasswd } from '../src/embedded/account.ts';
import { copyOnce, shippedDirectory } from '../src/embedded/binaries.ts';
import { asUnavailable, causeOf } from '../src/embedded/failure.ts';
import { startEmbeddedPostgres } from '../src/embedded/postgres.ts';
import { freePort } from '../src/embedded/postmaster.ts';
import { newDirectory, silent } from './embedded-support.ts';

const isRoot = process.getuid?.() === 0;

async function start(directory: string, more = {}) {
  return await startEmbeddedPostgres({ directory, log: silent, durability: 'none', ...more });
}

describe('a start says plainly what is wrong', () => {
  it.each([
    ['another major version', 'PG_VERSION', '15\n', /made by PostgreSQL 15 and this is 18\./],
    ['strange files in place of the data', 'notes.txt', 'hello', /is not a PostgreSQL data dir/],
  ])('%s', async (_, name, text, message) => {
    const directory = await newDirectory();
    await mkdir(join(directory, 'pgdata'));
    await writeFile(join(directory, 'pgdata', name), text);
    await writeFile(join(directory, 'superuser.password'), 'A'.repeat(43), { mode: 0o600 });
    await expect(start(directory)).rejects.toMatchObject({ code: 'broker_unavailable', message });
    expect(await readdir(join(directory, 'pgdata'))).toEqual([name]);
  });

  it('a password that others can read, that is lost, or that is another one', async () => {
    const directory = await newDirectory();
    const file = join(directory, 'superuser.password');
    await (await start(directory)).stop();
    await chmod(file, 0o640);
    await expect(start(directory)).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining('give it mode 0600'),
    });
    await rm(file);
    await expect(start(directory)).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining('superuser.password is missing'),
    });
    await writeFile(file, 'A'.repeat(43), { mode: 0o600 });
    await expect(start(directory)).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining('made with another password'),
    });
  });

  it('a port that another program holds', async () => {
    const directory = await newDirectory();
    const port = await freePort();
    const squatter = createServer().listen(port, '127.0.0.1');
    await new Promise((done) => squatter.once('listening', done));
    await expect(start(directory, { port })).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining('its port is used by another program'),
    });
    squatter.close();
  });

  it('a setting PostgreSQL does not know, naming the log', async () => {
    const directory = await newDirectory();
    await expect(start(directory, { extraSettings: { no_such: '1' } })).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining(join(directory, 'postgres.log')),
    });
    await expect(start(directory, { extraSettings: { 'x=1 -c y': '' } })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('a directory that is a file', async () => {
    const directory = await newDirectory();
    await writeFile(join(directory, 'file'), '');
    await expect(start(join(directory, 'file', 'below'))).rejects.toMatchObject({
      code: 'broker_unavailable',
      message: expect.stringContaining('is not a directory'),
    });
  });

  it.each([
    ['initdb: error: could not write to file: No space left on device', 'disk_full'],
    ['PANIC:  could not write to file "x": No space left on device', 'disk_full'],
    ['FATAL:  lock file "postmaster.pid" already exists', 'locked'],
    ['FATAL:  lock file "postmaster.pid" is empty', 'locked'],
    [
      'FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use',
      'still_shutting_down',
    ],
    ['could not bind IPv4 address "127.0.0.1": Address already in use', 'port_taken'],
    ['FATAL:  database files are incompatible with server', 'other_version'],
    [
      'initdb: error: could not look up effective user ID 12345: user does not exist',
      'unknown_uid',
    ],
    ['FATAL:  data directory "/x" has wrong ownership', 'wrong_owner'],
    ['PANIC:  could not locate a valid checkpoint record at 0/0', 'damaged'],
    ['FATAL:  something new', 'other'],
  ])('%s', (line, cause) => {
    expect(causeOf(`2026-11-20 12:00:00 UTC [7] ${line}`)).toBe(cause);
  });

  it.each([
    ['ENOSPC', /the disk is full/],
    ['53100', /the disk is full/],
    ['EROFS', /read-only/],
    ['EACCES', /this user may not use \/state/],
    ['E_UNHEARD_OF', /read the reason in its log/],
  ])('%s', (code, message) => {
    const error = asUnavailable(Object.assign(new Error('x'), { code }), '/state', '/state/log');
    expect(error).toMatchObject({ code: 'broker_unavailable', message });
    expect(error.message).toContain('/state/log');
  });
});

describe('the account PostgreSQL runs as', () => {
  const root = 'root:x:0:0:root:/root:/bin/sh';
  const nobody = 'nobody:x:65534:65533::/:/bin/false';
  it.each([
    ['postgres', [root, nobody, 'postgres:x:101:104::/:/bin/sh'], { uid: 101, gid: 104 }],
    ['nobody, where there is no postgres', [root, nobody], { uid: 65534, gid: 65533 }],
    ['never one with the uid of root', [root, 'postgres:x:0:0::/:/bin/sh'], undefined],
    ['never one with a uid that is no number', [root, 'postgres:x:0x0:0::/:'], undefined],
    ['none in an empty file', [], undefined],
  ])('%s', (_, lines, account) => {
    expect(fromPasswd(lines.join('\n'))).toEqual(account);
  });
});

describe.runIf(isRoot)('the copy of the programs that root makes', () => {
  it('is whole, readable by all and writable by root alone, also made twice at once', async () => {
    const target = join(await newDirectory(), 'copy');
    const shipped = shippedDirectory();
    expect(await Promise.all([copyOnce(shipped, target), copyOnce(shipped, target)])).toEqual([
      target,
      target,
    ]);
    const names = await readdir(target, { recursive: true });
    expect(names.sort()).toEqual((await readdir(shipped, { recursive: true })).sort());
    for (const name of ['', 'bin', 'bin/postgres', 'bin/initdb', 'lib', 'share']) {
      expect((await stat(join(target, name))).mode & 0o777).toBe(0o755);
    }
  });

  it('is mended where a cleaner of temporary files has thinned it', async () => {
    const target = join(await newDirectory(), 'copy');
    const shipped = shippedDirectory();
    await copyOnce(shipped, target);
    await rm(join(target, 'bin', 'postgres'));
    await rm(join(target, 'share'), { recursive: true });
    expect(await copyOnce(shipped, target)).toBe(target);
    const names = await readdir(target, { recursive: true });
    expect(names.sort()).toEqual((await readdir(shipped, { recursive: true })).sort());
  });

  it.each([
    ['planted by another user', async (path: string) => await chown(path, 65_534, 65_534)],
    ['open to others', async (path: string) => await chmod(path, 0o777)],
  ])('is refused where it was %s', async (_, spoil) => {
    const target = join(await newDirectory(), 'copy');
    await mkdir(target);
    await spoil(target);
    expect(await copyOnce(shippedDirectory(), target)).toBeUndefined();
    expect(await readdir(target)).toEqual([]);
  });
});
