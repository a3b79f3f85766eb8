/** What a grant's resource holds, by a reading of its own: columns within a table, and else only itself. */
import { describe, expect, test } from 'vitest';
import { holds } from '../src/containment.ts';

const QUOTED = 'public."a(b"';

describe('a resource of PostgreSQL', () => {
  test.each([
    ['public.orders', 'public.orders'],
    ['public.orders', 'public.orders(id)'],
    ['public.orders(id,state)', 'public.orders(state)'],
    ['public.orders(id,state)', 'public.orders(id,state)'],
    ['public.orders("ID",id)', 'public.orders("ID")'],
    ['public.orders("a,b")', 'public.orders("a,b")'],
    [QUOTED, `${QUOTED}(id)`],
    ['public', 'public'],
  ])('%s holds %s', (granted, used) => {
    expect(holds('postgres:select', granted, used)).toBe(true);
  });

  test.each([
    ['public.orders(id)', 'public.orders'],
    ['public.orders(id)', 'public.orders(id,state)'],
    ['public.orders(id)', 'public.orders("ID")'],
    ['public.orders("a,b")', 'public.orders(a)'],
    ['public.orders("a,b")', 'public.orders("a","b")'],
    ['public.orders', 'public.orders_old'],
    ['public.orders', 'private.orders'],
    ['public.orders', 'public."orders"'],
    ['public.a', `${QUOTED}(id)`],
    ['public', 'public.orders'],
    ['public.orders', 'public.orders()'],
    ['public.orders', 'public.orders(id) '],
    ['public.orders', 'public.orders(id)(state)'],
  ])('%s holds no %s', (granted, used) => {
    expect(holds('postgres:select', granted, used)).toBe(false);
  });
});

test('a resource of any other provider holds itself and nothing more', () => {
  expect(holds('railway:volume', 'volume/a', 'volume/a')).toBe(true);
  expect(holds('railway:volume', 'volume/a', 'volume/a(id)')).toBe(false);
  expect(holds('railway:volume', 'volume.a', 'volume.a(id)')).toBe(false);
});
