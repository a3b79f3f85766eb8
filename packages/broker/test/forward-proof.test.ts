/** Law 2 at the gateway: what a request concerns holds still from its proof to its end. */
import { afterEach, describe, expect, test } from 'vitest';
import { type Forwarding, forwarding } from './support/forwarding.ts';
import { DELETE, type GrantWish, RESIZE } from './support/granted.ts';

let broker: Forwarding;
afterEach(() => broker?.stop());

describe('what must hold still', () => {
  test.each<[string, GrantWish, string, string[], boolean[]]>([
    ['a read holds nothing', RESIZE, 'read', [], [false]],
    ['a write holds it with other writers', RESIZE, 'resize', ['shared'], [false]],
    [
      'what can delete holds it alone, and asks afresh',
      DELETE,
      'delete',
      ['exclusive'],
      [false, true],
    ],
  ])('%s', async (_, wish, operation, modes, fresh) => {
    broker = await forwarding([wish]);
    expect(await broker.outcomeOf({ calls: [[operation, 'vol_1']] })).toBe('allowed');
    expect(broker.held.map(({ mode }) => mode)).toEqual(modes);
    expect(broker.held.every(({ released }) => released)).toBe(true);
    expect(broker.asked.map((asked) => asked.fresh)).toEqual(fresh);
    for (const { names } of broker.held) expect(names).toEqual(['volumes volumes.example vol_1']);
  });

  test('what moved before it was held is judged by where it is then', async () => {
    broker = await forwarding([DELETE]);
    const { holds } = broker.deps;
    broker.withDeps({
      holds: {
        async hold(names, mode) {
          broker.world.set('vol_1', ['env-production']);
          return await holds.hold(names, mode);
        },
      },
    });
    expect(await broker.outcomeOf({ calls: [['delete', 'vol_1']] })).toBe('environment_mismatch');
    expect(broker.received).toEqual([]);
    expect(broker.held.map(({ released }) => released)).toEqual([true]);
  });

  test('is let go when the request is refused, and when deciding fails', async () => {
    broker = await forwarding([DELETE]);
    broker.withDeps({ uses: { used: () => Promise.reject(new Error('no database')) } });
    await expect(broker.outcomeOf({ calls: [['delete', 'vol_1']] })).rejects.toThrow('no database');
    expect(broker.held.every(({ released }) => released)).toBe(true);
  });

  test('is not sent when it was lost before', async () => {
    broker = await forwarding([DELETE]);
    broker.withDeps({
      holds: { hold: async () => ({ lost: AbortSignal.abort(), release: async () => undefined }) },
    });
    await expect(broker.outcomeOf({ calls: [['delete', 'vol_1']] })).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
    expect(broker.received).toEqual([]);
  });
});
