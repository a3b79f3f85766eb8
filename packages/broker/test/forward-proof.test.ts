/** Law 2 at the gateway: what a request concerns holds still from its proof to its end. */
import { type Gateway, ProviderError } from '@countersign/provider-kit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createShares } from '../src/shares.ts';
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

  test('is held by few requests of one agent at once, and reads go on beside them', async () => {
    broker = await forwarding([RESIZE]);
    broker.withDeps({ holding: createShares({ atOnce: 1, patience: 1 }) });
    broker.answerWith((outgoing) => void outgoing.write('slow'));
    const token = await broker.token();
    const slow = await broker.ask(token, { calls: [['resize', 'vol_1']] });
    if (!slow.allowed) throw new Error(slow.denial.code);
    broker.answerWith((outgoing) => outgoing.end());
    const other = { calls: [['resize', 'vol_2']] } as const;
    expect(await broker.outcomeOf(other, token)).toBe('rate_limited');
    expect(await broker.outcomeOf({ calls: [['read', 'vol_2']] }, token)).toBe('allowed');
    slow.value.close();
    await vi.waitUntil(() => broker.held.every(({ released }) => released));
    expect(await broker.outcomeOf(other, token)).toBe('allowed');
  });

  test('does not stand in the way of the same request, refused and decided again', async () => {
    broker = await forwarding([DELETE]);
    const { holds } = broker.deps;
    const { classify } = gatewayOf(broker);
    gatewayOf(broker).classify = async (connection, request) => {
      const understood = await classify(connection, request);
      const resolve: typeof understood.resolve = async (ask) => {
        if (ask.fresh) throw new ProviderError('unavailable', 'It says nothing.');
        return await understood.resolve(ask);
      };
      return { ...understood, resolve };
    };
    const stillHeld: boolean[] = [];
    broker.withDeps({
      holds: {
        async hold(names, mode) {
          stillHeld.push(broker.held.some(({ released }) => !released));
          if (stillHeld.length === 1) broker.moved();
          return await holds.hold(names, mode);
        },
      },
    });
    expect(await broker.outcomeOf({ calls: [['delete', 'vol_1']] })).toBe('environment_unproven');
    expect(stillHeld).toEqual([false, false]);
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

describe('a question to the provider', () => {
  test.each<[string, (leave: () => void, late: () => void) => void]>([
    ['when its agent leaves', (leave) => leave()],
    ['when its time is over', (_leave, late) => late()],
  ])('is given up %s', async (_, happens) => {
    broker = await forwarding([RESIZE]);
    const [agent, time] = [new AbortController(), new AbortController()];
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(time.signal);
    const { classify } = gatewayOf(broker);
    const seen: boolean[] = [];
    gatewayOf(broker).classify = async (connection, request) => ({
      ...(await classify(connection, request)),
      async resolve({ spend }) {
        const signal = spend();
        seen.push(signal.aborted);
        happens(
          () => agent.abort(),
          () => time.abort(),
        );
        seen.push(signal.aborted);
        throw new ProviderError('unavailable', 'It says nothing.');
      },
    });
    try {
      const change = { signal: agent.signal };
      expect(await broker.outcomeOf({ change })).toBe('environment_unproven');
      expect(timeout.mock.calls).toContainEqual([20_000]);
    } finally {
      timeout.mockRestore();
    }
    expect(seen).toEqual([false, true]);
  });
});

function gatewayOf({ deps }: Forwarding): Gateway {
  const gateway = deps.providers.get('volumes')?.gateway;
  if (gateway === undefined) throw new Error('there is a gateway');
  return gateway;
}
