import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
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

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  directory = await mkdtemp(join(tmpdir(), 'countersign-migrations-'));
  await cp(MIGRATIONS, directory, { recursive: true });
});
afterEach(() => rm(directory, { recursive: true }));

const write = (name: string, sql: string) => writeFile(join(directory, name), sql);
const run = () => migrate(new Secret('url', url), pathToFileURL(`${directory}/`));
const applied = () => edit(url, 'select number, name from countersign.migrations order by number');

describe('migrations', () => {
  it('survive ten concurrent first starts, which agree on one head', async () => {
    const stores = await Promise.all(Array.from({ length: 10 }, () => open(url)));
    expect(await applied()).toEqual([{ number: 1, name: '0001_initial.sql' }]);
    expect(await edit(url, 'select count(*)::int as heads from countersign.head')).toEqual([
      { heads: 1 },
    ]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('run once each, in order', async () => {
    await run();
    await write('0002_more.sql', 'create table countersign.more (); create table countersign.a ()');
    await write('0003_less.sql', 'drop table countersign.more');
    await run();
    await run();
    expect((await applied()).map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it('leave nothing of one that fails half-way', async () => {
    await write('0002_half.sql', 'create table countersign.half (); select 1 / 0');
    await expect(run()).rejects.toMatchObject({ code: 'broker_unavailable' });
    expect((await applied()).map(({ number }) => number)).toEqual([1]);
    expect(await edit(url, "select to_regclass('countersign.half') as half")).toEqual([
      { half: null },
    ]);
    await write('0002_half.sql', 'create table countersign.half ()');
    await run();
    expect((await applied()).map(({ number }) => number)).toEqual([1, 2]);
  });

  it('refuse one that was edited after it was applied', async () => {
    await write('0002_more.sql', 'create table countersign.more ()');
    await run();
    await write('0002_more.sql', 'create table countersign.more (x int)');
    await expect(run()).rejects.toThrow('Migration 0002_more.sql was changed');
  });

  it('refuse a database newer than the code', async () => {
    await write('0002_more.sql', 'create table countersign.more ()');
    await run();
    await expect(open(url)).rejects.toThrow('newer than this version: it has migration 0002_more');
  });

  it.each(['0003_gap.sql', '0001_twice.sql', '2_short.sql', '0002-Bad.sql'])(
    'refuse a file %s',
    async (name) => {
      await write(name, 'select 1');
      await expect(run()).rejects.toThrow(/is not number/);
    },
  );

  it('refuse a gap in the database', async () => {
    await write('0002_more.sql', 'create table countersign.more ()');
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
    expect(await applied()).toHaveLength(1);
  });
});
