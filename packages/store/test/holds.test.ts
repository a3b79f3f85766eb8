/** What is held still on one server is held still on all of them, and by nobody who died. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { edit, open } from './support/store.ts';

let server: Server;
let url: string;
let stores: readonly Store[];
const held: { release(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startPostgres();
  url = await server.database();
  stores = [await open(url), await open(url)];
});
afterEach(async () => {
  for (const each of held.splice(0)) await each.release();
});
afterAll(async () => {
  for (const store of stores ?? []) await store.close();
  await server?.stop();
});

async function hold(at: number, names: readonly string[], mode: 'shared' | 'exclusive') {
  const store = stores[at];
  if (store === undefined) throw new Error('there are two servers');
  const each = await store.holds.hold(names, mode);
  held.push(each);
  return each;
}

const BUSY = { code: 'broker_unavailable' };

describe('what one server holds', () => {
  test.each([
    ['shared', 'shared', true],
    ['shared', 'exclusive', false],
    ['exclusive', 'shared', false],
    ['exclusive', 'exclusive', false],
  ] as const)('%s, another may hold %s: %s', async (first, second, may) => {
    await hold(0, ['project/a'], first);
    const attempt = hold(1, ['project/a'], second);
    if (may) await attempt;
    else await expect(attempt).rejects.toMatchObject(BUSY);
  });

  test('is another object than what another holds', async () => {
    await hold(0, ['project/a'], 'exclusive');
    await hold(1, ['project/b'], 'exclusive');
  });

  test('is all of what was named, in whatever order, or none', async () => {
    await hold(0, ['project/b'], 'exclusive');
    await expect(hold(1, ['project/a', 'project/b'], 'exclusive')).rejects.toMatchObject(BUSY);
    // What the attempt had is let go again.
    await hold(0, ['project/a'], 'exclusive');
  });

  test('is there for the next as soon as it is released', async () => {
    const first = await hold(0, ['project/a', 'project/a'], 'exclusive');
    const next = hold(1, ['project/a'], 'exclusive');
    await first.release();
    await first.release();
    await next;
  });

  test('is lost with its session, and whoever holds it hears of it', async () => {
    const first = await hold(0, ['project/a'], 'exclusive');
    const lost = new Promise((resolve) =>
      first.lost.addEventListener('abort', resolve, { once: true }),
    );
    await edit(
      server.asSuperuser(url),
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
       and pid in (select pid from pg_stat_activity where datname = current_database())`,
    );
    await lost;
    await hold(1, ['project/a'], 'exclusive');
  });

  test('is refused while no more can be held, and there again afterwards', async () => {
    for (let i = 0; i < 16; i += 1) await hold(0, [`project/${i}`], 'shared');
    await expect(hold(0, ['project/one-more'], 'shared')).rejects.toMatchObject(BUSY);
    await held.shift()?.release();
    await hold(0, ['project/one-more'], 'shared');
  });
});
