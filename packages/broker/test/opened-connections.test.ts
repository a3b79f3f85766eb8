/** Root credentials in memory: opened once, for what was signed, and for no longer than it stands. */
import { type Connection, emptyState } from '@countersign/authority';
import { CountersignError, Secret } from '@countersign/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { commitmentTo } from '../src/connection-credential.ts';
import type { Deps } from '../src/deps.ts';
import { createOpenedConnections, type OpenedConnections } from '../src/opened-connections.ts';

const SALT = Buffer.alloc(32, 1).toString('base64url');
const LONG_AGO = '2026-11-20T12:00:00.000Z';
const stored = new Map<string, Secret>([
  ['set-1', new Secret('first', 'first-credential')],
  ['set-2', new Secret('second', 'second-credential')],
]);

function connection(setBy: string, config: Connection['body']['config'] = {}): Connection {
  const credential = stored.get(setBy);
  if (credential === undefined) throw new Error('there is a credential');
  return {
    ...{ id: 'c', name: 'disks', setBy, since: LONG_AGO, former: [], removedAt: null },
    body: {
      ...{ connection: null, name: 'disks', provider: 'volumes', endpoint: 'e', account: 'a' },
      ...{ config, mapping: {}, credential: commitmentTo(SALT, credential) },
    },
  };
}

let kept: OpenedConnections;
let deps: Deps;
let opened: string[];
let isAway: boolean;
beforeEach(() => {
  kept = createOpenedConnections();
  opened = [];
  isAway = false;
  deps = {
    authority: { state: { ...emptyState(), broker: Buffer.alloc(32).toString('base64url') } },
    providers: new Map([['volumes', {}]]),
    sealed: {
      async open(setBy: string) {
        opened.push(setBy);
        if (isAway) throw new CountersignError('broker_unavailable', 'away');
        return { salt: SALT, credential: stored.get(setBy) };
      },
    },
    // Only what opening a credential asks.
  } as unknown as Deps;
});

function present(now: Connection): Connection {
  deps.authority.state.connections.set('c', now);
  return now;
}

async function credentialOf(now: Connection): Promise<string> {
  return (await kept.of(deps, now)).opened.credential.reveal();
}

describe('a root credential', () => {
  test('is opened once, however many ask at once', async () => {
    const now = present(connection('set-1'));
    const all = await Promise.all(Array.from({ length: 5 }, () => credentialOf(now)));
    expect(new Set(all)).toEqual(new Set(['first-credential']));
    expect(opened).toEqual(['set-1']);
  });

  test('is another one once humans have signed another', async () => {
    await credentialOf(present(connection('set-1')));
    expect(await credentialOf(present(connection('set-2')))).toBe('second-credential');
    expect(opened).toEqual(['set-1', 'set-2']);
  });

  test('goes with the configuration of now', async () => {
    await kept.of(deps, present(connection('set-1', { a: 1 })));
    const { opened: again } = await kept.of(deps, present(connection('set-1', { a: 2 })));
    expect(again.config).toEqual({ a: 2 });
    expect(opened).toEqual(['set-1']);
  });

  test('is dropped with its connection, and opened anew for one that is there again', async () => {
    const first = present(connection('set-1'));
    await credentialOf(first);
    deps.authority.state.connections.delete('c');
    const other = { ...connection('set-2'), id: 'other' };
    deps.authority.state.connections.set('other', other);
    await credentialOf(other);
    await credentialOf(present(first));
    expect(opened).toEqual(['set-1', 'set-2', 'set-1']);
  });

  test('that did not open is tried again by whoever comes next', async () => {
    const now = present(connection('set-1'));
    isAway = true;
    await expect(credentialOf(now)).rejects.toMatchObject({ code: 'broker_unavailable' });
    isAway = false;
    expect(await credentialOf(now)).toBe('first-credential');
  });
});
