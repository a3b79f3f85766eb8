/** When a load balancer is told to send nobody here. */
import { describe, expect, test } from 'vitest';
import type { Deps } from '../src/deps.ts';
import { readiness } from '../src/readiness.ts';

interface Situation {
  readonly skew?: number;
  readonly head?: number;
  readonly refresh?: () => Promise<void>;
  readonly look?: () => Promise<never>;
}

async function ask({ skew = 0, head = 7, refresh, look }: Situation): Promise<string> {
  const deps = {
    journal: { head: look ?? (async () => ({ authorityVersion: head, clockSkew: skew })) },
    authority: { version: 7, refresh: refresh ?? (async () => undefined) },
    // Only what is looked at; the rest of the ports belongs to others.
  } as unknown as Deps;
  return await readiness(deps);
}

const fails = () => Promise.reject(new Error('no'));

describe('a server', () => {
  test.each<[string, string, Situation]>([
    ['ready', 'with its database, its clock and its authority', {}],
    ['ready', 'whose clock is five seconds ahead', { skew: 5_000 }],
    ['ready', 'whose clock is five seconds behind', { skew: -5_000 }],
    ['clock', 'whose clock is further ahead', { skew: 5_001 }],
    ['clock', 'whose clock is further behind', { skew: -5_001 }],
    ['database', 'whose database does not answer', { look: fails }],
    ['database', 'whose database never answers', { look: () => new Promise(() => undefined) }],
    ['ready', 'that is behind another and catches up', { head: 8 }],
    ['authority', 'that is behind another and cannot catch up', { head: 8, refresh: fails }],
  ])('is %s %s', async (expected, _, situation) => {
    expect(await ask(situation)).toBe(expected);
  });
});
