/** One agent's share of what is forwarded: handed over in order, waited for no longer than said, its own alone. */
import { describe, expect, test } from 'vitest';
import { createShares } from '../src/shares.ts';

const PATIENT = 60_000;
const present = new AbortController().signal;

/** Taken at once, or not. */
async function atOnce<T>(taking: Promise<T>): Promise<T | 'waits'> {
  const turn = new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')));
  return await Promise.race([taking, turn]);
}

describe('a share', () => {
  test('is full for its own agent, and for no other', async () => {
    const shares = createShares({ atOnce: 2, patience: PATIENT });
    for (const _ of [1, 2]) expect(await atOnce(shares.take('a', present))).not.toBe('waits');
    expect(await atOnce(shares.take('a', present))).toBe('waits');
    expect(await atOnce(shares.take('b', present))).not.toBe('waits');
  });

  test('goes to who has waited longest, each time one ends', async () => {
    const shares = createShares({ atOnce: 1, patience: PATIENT });
    const order: number[] = [];
    const first = await shares.take('a', present);
    const others = [1, 2, 3].map(async (n) => {
      const end = await shares.take('a', present);
      order.push(n);
      end?.();
    });
    first?.();
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
    expect(await atOnce(shares.take('a', present))).not.toBe('waits');
  });

  test('is waited for no longer than said, nor by who has gone, and is not lost on either', async () => {
    const shares = createShares({ atOnce: 1, patience: 1 });
    const end = await shares.take('a', present);
    expect(await shares.take('a', present)).toBeNull();
    const patient = createShares({ atOnce: 1, patience: PATIENT });
    const held = await patient.take('a', present);
    const leaving = new AbortController();
    const left = patient.take('a', leaving.signal);
    leaving.abort();
    expect(await left).toBeNull();
    expect(await patient.take('a', AbortSignal.abort())).toBeNull();
    end?.();
    held?.();
    expect(await shares.take('a', present)).not.toBeNull();
    expect(await atOnce(patient.take('a', present))).not.toBe('waits');
  });
});
