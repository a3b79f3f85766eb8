/** Law 1: a provider is made of the description that humans signed, and of nothing else that has its name. */
import { catalogDigest, emptyState } from '@countersign/authority';
import type { Catalog } from '@countersign/core';
import type { Provider } from '@countersign/provider-kit';
import { beforeEach, describe, expect, test } from 'vitest';
import { createLiveProviders } from '../src/live-providers.ts';

const CATALOG: Catalog = {
  provider: 'tasks',
  operations: [
    {
      name: 'tasks:get',
      summary: 'Get.',
      effects: [{ effect: 'read' }],
      exchangeable: false,
      request: 'GET /a',
    },
  ],
  description: { name: 'tasks', base: 'https://a.example' },
};
const DIGEST = catalogDigest(CATALOG);

// Only its name, its catalog and that it forwards are looked at.
const providerOf = (catalog: Catalog) =>
  ({ name: catalog.provider, catalog, gateway: {} }) as unknown as Provider;

const builtIn = new Map([['db', providerOf({ provider: 'db', operations: [] })]]);

let state: ReturnType<typeof emptyState>;
let opened: Catalog[];
let warned: number;
let live: ReturnType<typeof createLiveProviders>;

function adopt(digest: string, catalog: Catalog): void {
  state.catalogs.set(digest, catalog);
  state.adopted.set(catalog.provider, { digest, effects: new Map(), superseded: [] });
}

beforeEach(() => {
  state = emptyState();
  opened = [];
  warned = 0;
  const descriptions = {
    read: () => CATALOG,
    open(catalog: Catalog) {
      if (catalog.description?.['base'] === 'https://taken.example') throw new Error('taken');
      opened.push(catalog);
      return providerOf(catalog);
    },
  };
  const warn = () => {
    warned += 1;
  };
  live = createLiveProviders(builtIn, descriptions, { state }, { warn, info: () => undefined });
});

describe('a described provider', () => {
  test('is there once it is adopted, in the same moment', () => {
    state.catalogs.set(DIGEST, CATALOG);
    expect([...live.providers.keys()]).toEqual(['db']);
    adopt(DIGEST, CATALOG);
    expect([...live.providers.keys()]).toEqual(['db', 'tasks']);
    expect(live.providers.size).toBe(2);
    expect(live.providers.has('tasks')).toBe(true);
    expect(live.rules.get('tasks')?.forwardable('tasks:get')).toBe(true);
    expect([...live.providers].length + [...live.rules.values()].length).toBe(4);
  });

  test('is made once, so that what is kept of it stays', () => {
    adopt(DIGEST, CATALOG);
    const [provider, rules] = [live.providers.get('tasks'), live.rules.get('tasks')];
    const other = { ...CATALOG, provider: 'notes', description: { name: 'notes' } };
    adopt(catalogDigest(other), other);
    expect(live.providers.get('tasks')).toBe(provider);
    expect(live.rules.get('tasks')).toBe(rules);
    expect(opened.length).toBe(2);
  });

  test('is another one with another description', () => {
    adopt(DIGEST, CATALOG);
    const before = live.providers.get('tasks');
    const moved = { ...CATALOG, description: { name: 'tasks', base: 'https://b.example' } };
    adopt(catalogDigest(moved), moved);
    expect(live.providers.get('tasks')).not.toBe(before);
    expect(live.providers.get('tasks')?.catalog).toBe(moved);
  });

  test('is none where the bytes are not those that were signed, and that is said once', () => {
    adopt(DIGEST, { ...CATALOG, description: { name: 'tasks', base: 'https://evil.example' } });
    expect(live.providers.get('tasks')).toBeUndefined();
    expect(live.rules.get('tasks')).toBeUndefined();
    expect([opened.length, warned]).toEqual([0, 1]);
  });

  test('is none where it cannot be made', () => {
    const taken = { ...CATALOG, description: { name: 'tasks', base: 'https://taken.example' } };
    adopt(catalogDigest(taken), taken);
    expect([live.providers.get('tasks'), warned]).toEqual([undefined, 1]);
  });

  test('never takes the place of one that is built in', () => {
    const named = { ...CATALOG, provider: 'db' };
    adopt(catalogDigest(named), named);
    expect(live.providers.get('db')).toBe(builtIn.get('db'));
    const recorded: Catalog = { provider: 'tasks', operations: CATALOG.operations };
    state.catalogs.set(catalogDigest(recorded), recorded);
    adopt(DIGEST, CATALOG);
    expect(live.providers.get('tasks')).toBeUndefined();
  });
});
