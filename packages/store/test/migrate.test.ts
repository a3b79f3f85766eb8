import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Secret } from '@countersign/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS, migrate } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { edit, open } from './support/store.ts';

let server: Server;
let url: string;
let directory: string;
/** The migrations there are, by name; a test's own come after them. */
let shipped: string[];

beforeAll(async () => {
  server = await startPostgres();
  shipped = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  directory = await mkdtemp(join(tmpdir(), 'countersign-migrations-'));
  await cp(MIGRATIONS, directory, { recursive: true });
});
afterEach(() => rm(directory, { recursive: true }));

const numberOf = (after: number) => String(shipped.length + after).padStart(4, '0');
const numbers = (more: number) => Array.from({ length: shipped.length + more }, (_, i) => i + 1);
const write = (name: string, sql: string) => writeFile(join(directory, name), sql);
const run = () => migrate(new Secret('url', url), pathToFileURL(`${directory}/`));
const applied = () => edit(url, 'select number, name from countersign.migrations order by number');

describe('migrations', () => {
  it('survive ten concurrent first starts, which agree on one head', async () => {
    const stores = await Promise.all(Array.from({ length: 10 }, () => open(url)));
    expect(await applied()).toEqual(shipped.map((name, i) => ({ number: i + 1, name })));
    expect(await edit(url, 'select count(*)::int as heads from countersign.head')).toEqual([
      { heads: 1 },
    ]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('run once each, in order', async () => {
    await run();
    await write(
      `${numberOf(1)}_more.sql`,
      'create table countersign.more (); create table countersign.a ()',
    );
    await write(`${numberOf(2)}_less.sql`, 'drop table countersign.more');
    await run();
    await run();
    expect((await applied()).map(({ number }) => number)).toEqual(numbers(2));
  });

  it('leave nothing of one that fails half-way', async () => {
    await write(`${numberOf(1)}_half.sql`, 'create table countersign.half (); select 1 / 0');
    await expect(run()).rejects.toMatchObject({ code: 'broker_unavailable' });
    expect((await applied()).map(({ number }) => number)).toEqual(numbers(0));
    expect(await edit(url, "select to_regclass('countersign.half') as half")).toEqual([
      { half: null },
    ]);
    await write(`${numberOf(1)}_half.sql`, 'create table countersign.half ()');
    await run();
    expect((await applied()).map(({ number }) => number)).toEqual(numbers(1));
  });

  it('refuse one that was edited after it was applied', async () => {
    await write(`${numberOf(1)}_more.sql`, 'create table countersign.more ()');
    await run();
    await write(`${numberOf(1)}_more.sql`, 'create table countersign.more (x int)');
    await expect(run()).rejects.toThrow(`Migration ${numberOf(1)}_more.sql was changed`);
  });

  it('refuse a database newer than the code', async () => {
    await write(`${numberOf(1)}_more.sql`, 'create table countersign.more ()');
    await run();
    await expect(open(url)).rejects.toThrow(
      `newer than this version: it has migration ${numberOf(1)}_more`,
    );
  });

  it.each([
    ['that leaves a gap', () => `${numberOf(2)}_gap.sql`],
    ['of a number that is taken', () => '0001_twice.sql'],
    ['of a short number', () => '2_short.sql'],
    ['of another form', () => `${numberOf(1)}-Bad.sql`],
  ])('refuse a file %s', async (_, name) => {
    await write(name(), 'select 1');
    await expect(run()).rejects.toThrow(/is not number/);
  });

  it('refuse a gap in the database', async () => {
    await write(`${numberOf(1)}_more.sql`, 'create table countersign.more ()');
    await run();
    await edit(url, 'delete from countersign.migrations where number = 1');
    await expect(run()).rejects.toThrow('Migration 1 is missing in the database');
  });

  it('give PUBLIC nothing', async () => {
    await run();
    const rights = await edit(
      server.asSuperuser(url),
      `select has_schema_privilege('public', 'countersign', 'usage') as usage,
        has_schema_privilege('public', 'countersign', 'create') as create`,
    );
    expect(rights).toEqual([{ usage: false, create: false }]);
  });

  it('need no right to create schemas where one was made for them', async () => {
    const role = new URL(url).username;
    await edit(
      server.asSuperuser(url),
      `create schema countersign authorization ${role};
       alter database ${role} owner to postgres; revoke create on database ${role} from ${role}`,
    );
    await run();
    expect(await applied()).toHaveLength(shipped.length);
  });
});
