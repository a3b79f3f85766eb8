import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { type Server, startPostgres } from './support/postgres.ts';
import { newId, open } from './support/store.ts';

let server: Server;
let url: string;
let store: Store;
let other: Store;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.database();
  [store, other] = await Promise.all([open(url), open(url)]);
});
afterEach(() => Promise.all([store.close(), other.close()]));

const at = (instant: string) => Date.parse(instant);
const agent = newId();

function used(count: number, lastAt: string, what = 'exchange') {
  const day = lastAt.slice(0, 10);
  return { subject: agent, kind: 'allowed', what, day, count, lastAt: at(lastAt) } as const;
}

describe('what was counted', () => {
  it('is added up by day, and read from a day on with the latest time ever', async () => {
    await store.usage.add(0, 10, [used(2, '2026-11-01T12:00:00.000Z')]);
    await store.usage.add(10, 30, [
      used(3, '2026-11-01T13:00:00.000Z'),
      used(5, '2026-11-03T01:00:00.000Z'),
      used(1, '2026-10-01T01:00:00.000Z', 'issue'),
    ]);
    expect(await other.usage.counted()).toBe(30);
    const read = { subject: agent, kind: 'allowed', what: 'exchange' };
    const latest = { lastAt: at('2026-11-03T01:00:00.000Z') };
    // The whole day counts, whatever the hour.
    expect(await other.usage.of([agent], at('2026-11-01T23:00:00.000Z'))).toEqual([
      { ...read, count: 10, ...latest },
      { ...read, what: 'issue', count: 0, lastAt: at('2026-10-01T01:00:00.000Z') },
    ]);
    expect(await other.usage.of([agent], at('2026-11-02T00:00:00.000Z'))).toMatchObject([
      { count: 5, ...latest },
      { what: 'issue', count: 0 },
    ]);
    expect(await store.usage.of([newId(), 'no id'], 0)).toEqual([]);
  });

  it('is counted once, however many servers count at the same time', async () => {
    const once = [used(1, '2026-11-01T12:00:00.000Z')];
    const added = await Promise.all(
      Array.from({ length: 8 }, (_, i) => (i % 2 ? store : other).usage.add(0, 5, once)),
    );
    expect(added.filter((one) => one)).toHaveLength(1);
    expect(await store.usage.of([agent], 0)).toMatchObject([{ count: 1 }]);
    expect(await store.usage.add(0, 7, once)).toBe(false);
    expect(await store.usage.counted()).toBe(5);
  });

  it('moves on where there was nothing to count', async () => {
    expect(await store.usage.add(0, 5, [])).toBe(true);
    expect(await store.usage.counted()).toBe(5);
  });

  it('is forgotten as a whole', async () => {
    await store.usage.add(0, 5, [used(1, '2026-11-01T12:00:00.000Z')]);
    await other.usage.restart();
    expect(await store.usage.counted()).toBe(0);
    expect(await store.usage.of([agent], 0)).toEqual([]);
  });
});
