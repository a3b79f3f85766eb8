/** What a guardrail would have denied: read from the ledger backwards, bounded, uses as they were then. */
import { createRequire } from 'node:module';
import { type AuthorityState, emptyState, type Grant } from '@countersign/authority';
import { toInstant } from '@countersign/core';
import { encodeEntry } from '@countersign/ledger';
import { type Cedar, createGuardrailEngine } from '@countersign/policy';
import { describe, expect, test } from 'vitest';
import type { Deps } from '../src/deps.ts';
import { testGuardrail } from '../src/guardrail-test.ts';
import type { JournalEntry } from '../src/ports.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const MINUTE = 60_000;
const require = createRequire(import.meta.url);
// Its own instance: a test beside it may have broken the one that the process holds.
delete require.cache[require.resolve('@cedar-policy/cedar-wasm/nodejs')];
const cedar: Cedar = require('@cedar-policy/cedar-wasm/nodejs');
const guardrails = createGuardrailEngine({ load: () => cedar, elapsed: () => 0 });
const EVERYTHING = 'forbid (principal, action, resource);';

function authority(): AuthorityState {
  const state = emptyState();
  state.catalogs.set('digest', {
    provider: 'db',
    operations: [
      { name: 'db:select', summary: '', effects: [{ effect: 'read' }], exchangeable: true },
    ],
  });
  state.latestCatalog.set('db', 'digest');
  const rule = {
    environment: null,
    name: 'live',
    class: 'production',
    quorum: 2,
    groups: [],
    user_verified: 0,
    cool_off: 0,
    require_dpop: false,
  };
  state.environments.set('env', { id: 'env', name: 'live', rule });
  state.names.set('environment/live', 'env');
  state.agents.set('agent', {
    id: 'agent',
    name: 'ci',
    auth: { method: 'private_key_jwt', jwks: { keys: [] } },
    credentials: [],
    requireDpop: false,
    disabledAt: null,
  });
  const body = {
    connection: null,
    name: 'pg',
    provider: 'db',
    endpoint: 'e',
    account: 'a',
    config: {},
    mapping: { env: ['live-1'] },
    credential: '',
  };
  state.connections.set('conn', {
    id: 'conn',
    name: 'pg',
    body,
    setBy: 'conn',
    since: toInstant(NOW),
    former: [],
    removedAt: null,
  });
  state.names.set('connection/pg', 'conn');
  const grant: Grant['body'] = {
    agent: 'agent',
    connection: 'conn',
    environment: 'env',
    permissions: [
      {
        catalog: 'digest',
        operations: [{ name: 'db:select', effect: 'read' }],
        resources: ['orders'],
      },
    ],
    ttl: 60,
    valid_for: 60,
    max_uses: 5,
    pins: null,
    sender: null,
    sql: null,
    assessment: null,
    request: null,
    reason: 'OPS-1',
  };
  state.grants.set('grant', {
    id: 'grant',
    body: grant,
    completedAt: 0,
    from: 0,
    until: 1,
    revokedAt: null,
    unpinnedAt: null,
  });
  return state;
}

/** An exchange, `ago` milliseconds before now; `change` is what is odd about it. */
function exchanged(index: number, ago: number, change: Readonly<Record<string, unknown>> = {}) {
  const id = `01999f5e-7a40-7000-8000-${`${index}`.padStart(12, '0')}`;
  const time = toInstant(NOW - ago);
  const body = {
    verdict: 'allowed',
    stage: 'exchange',
    agent: 'agent',
    connection: 'pg',
    environment: 'live',
    jkt: null,
    rights: [{ grant: 'grant', effect: 'read', operations: ['db:select'], resources: ['orders'] }],
    grants: ['grant'],
    uses: ['grant'],
    ...change,
  };
  const bytes = encodeEntry({ v: 1, id, time, type: 'decision', body });
  return { index, id, type: 'decision', time, bytes, leafHash: new Uint8Array() };
}

/** A token's entry: what it says stands in `authorization_details`, its key beside its id. */
function issued(index: number, ago: number, token: { readonly jkt: string | null }) {
  const rights = { operations: ['db:select'], resources: ['orders'] };
  const details = [{ connection: 'pg', environment: 'live', ...rights }];
  return exchanged(index, ago, {
    stage: 'issue',
    rights: [],
    uses: [],
    authorization_details: details,
    token,
  });
}

/** The part of the broker that a test of a guardrail asks: a ledger to page through, and counters. */
function brokerWith(entries: readonly JournalEntry[], used = 0): Deps {
  const newestFirst = [...entries].reverse();
  return {
    authority: { state: authority() },
    clock: { now: () => NOW },
    guardrails,
    providers: new Map([['db', { environmentIds: () => ['live-1'] }]]),
    rules: new Map([
      [
        'db',
        {
          canonical: (_: string, resource: string) => resource,
          covers: (_: string, granted: string, requested: string) => granted === requested,
          whole: (resource: string) => resource,
          exchangeable: () => true,
          forwardable: () => false,
          runnable: () => false,
        },
      ],
    ]),
    uses: { used: async () => new Map([['grant', used]]) },
    journal: {
      page: async ({ after, limit }: { after: number | null; limit: number }) =>
        newestFirst.filter(({ index }) => after === null || index < after).slice(0, limit),
    },
  } as unknown as Deps;
}

const ask = (policy: string) => ({ policy, within: 3_600, after: null, limit: 10 });

describe('a guardrail tried on the ledger', () => {
  test('counts what is in the period, over several pages, and lists the newest', async () => {
    const entries = Array.from({ length: 450 }, (_, at) => exchanged(at, (450 - at) * 10_000));
    const tested = await testGuardrail(brokerWith(entries), ask(EVERYTHING));
    // An hour of one each ten seconds.
    expect(tested).toMatchObject({ complete: true, decisions: 360, denied: 360, unjudged: 0 });
    expect(tested.items).toHaveLength(10);
    expect(tested.items[0]).toMatchObject({
      decision: entries.at(-1)?.id,
      agent: 'ci',
      operation: 'db:select',
      resource: 'orders',
      policy: '#1',
      error: null,
    });
    expect(tested.next).toBe('440');
  });

  test('stops where it has looked at enough, and says how far it came', async () => {
    const entries = Array.from({ length: 1_000 }, (_, at) => exchanged(at, (1_000 - at) * 1_000));
    const few = { decisions: 300, milliseconds: Number.POSITIVE_INFINITY };
    const tested = await testGuardrail(brokerWith(entries), ask(EVERYTHING), few);
    expect(tested).toMatchObject({ complete: false, decisions: 400, denied: 400 });
    expect(tested.from).toBe(toInstant(NOW - 400_000));
    const brief = { decisions: 10_000, milliseconds: -1 };
    expect(await testGuardrail(brokerWith(entries), ask(EVERYTHING), brief)).toMatchObject({
      complete: false,
      decisions: 200,
    });
  });

  test('sees each decision with the uses there were then, and by the clock of then', async () => {
    const entries = [3, 2, 1].map((ago, at) => exchanged(at, ago * MINUTE));
    const uses =
      'forbid (principal, action, resource) when { context.grant has uses && context.grant.uses >= 1 };';
    expect(await testGuardrail(brokerWith(entries, 3), ask(uses))).toMatchObject({ denied: 2 });
    const early = 'forbid (principal, action, resource) when { context.hour == 11 };';
    expect(await testGuardrail(brokerWith(entries, 3), ask(early))).toMatchObject({ denied: 3 });
  });

  test('knows whether a key was shown, at an exchange and at an issue', async () => {
    const bound = 'forbid (principal, action, resource) when { context.sender_bound };';
    const entries = [
      exchanged(0, 5_000),
      exchanged(1, 4_000, { jkt: 'a key' }),
      issued(2, 3_000, { jkt: null }),
      issued(3, 2_000, { jkt: 'a key' }),
    ];
    const tested = await testGuardrail(brokerWith(entries), ask(bound));
    expect(tested.items.map(({ stage }) => stage)).toEqual(['issue', 'exchange']);
    expect(tested.decisions).toBe(4);
  });

  test('judges a forwarded request by the ids that were proven then', async () => {
    const entries = [
      exchanged(0, 5_000, { stage: 'forward', provider_ids: ['live-2'] }),
      exchanged(1, 4_000, { stage: 'forward', provider_ids: [] }),
      exchanged(2, 3_000),
    ];
    const there =
      'forbid (principal, action, resource) when { resource.provider_ids.contains("live-2") };';
    const tested = await testGuardrail(brokerWith(entries), ask(there));
    expect(tested).toMatchObject({ decisions: 3, denied: 1, unjudged: 0 });
    expect(tested.items).toMatchObject([{ stage: 'forward' }]);
  });

  test('leaves out what was denied or is of another kind, and counts what is gone', async () => {
    const entries = [
      exchanged(0, 5_000, { verdict: 'denied' }),
      exchanged(1, 4_000, { stage: 'dry-run' }),
      exchanged(2, 3_000, { connection: 'gone' }),
      exchanged(3, 2_000, {
        rights: [{ operations: ['db:select'], resources: ['orders'], grant: 'gone' }],
      }),
      { ...exchanged(4, 1_000), bytes: new TextEncoder().encode('edited by hand') },
    ];
    expect(await testGuardrail(brokerWith(entries), ask(EVERYTHING))).toMatchObject({
      decisions: 2,
      denied: 0,
      unjudged: 2,
    });
  });

  test('is refused for a text that is no guardrail', async () => {
    await expect(
      testGuardrail(brokerWith([]), ask('permit (principal, action, resource);')),
    ).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
