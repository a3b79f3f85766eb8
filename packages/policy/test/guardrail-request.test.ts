/** One right as Cedar sees it: every attribute that docs/reference/guardrails.md promises, and no other. */
import { describe, expect, test } from 'vitest';
import { type GuardedRight, requestOf } from '../src/guardrail-request.ts';
import { guardrailSchema } from '../src/guardrail-schema.ts';
import { authority, CATALOG, NOW, READ } from './support/facts.ts';

type GrantChange = Partial<GuardedRight['grant']['body']>;

function rightOf(change: Partial<GuardedRight> = {}, grantChange: GrantChange = {}): GuardedRight {
  const grant = authority([READ]).grants.get('grant-0');
  if (grant === undefined) throw new Error('there is one');
  return {
    agent: { name: 'ci', auth: { method: 'client_secret', secret_hash: '' } },
    connection: { name: 'main', provider: 'db' },
    environment: { name: 'live', class: 'production' },
    right: { operation: 'db:select', resource: 'a', grant: grant.id, effect: 'read' },
    whole: 'a',
    providerIds: ['prod-1', 'prod-2'],
    grant: { ...grant, body: { ...grant.body, ...grantChange } },
    uses: 2,
    senderBound: false,
    rights: 3,
    at: NOW,
    ...change,
  };
}

const resource = (id: string, ...parents: readonly { type: string; id: string }[]) => ({
  uid: { type: 'Resource', id },
  attrs: {
    id,
    whole: 'a',
    provider: 'db',
    connection: { __entity: { type: 'Connection', id: 'main' } },
    environment: { __entity: { type: 'Environment', id: 'live' } },
    provider_ids: ['prod-1', 'prod-2'],
  },
  parents: [{ type: 'Connection', id: 'main' }, { type: 'Environment', id: 'live' }, ...parents],
});

const AROUND = [
  {
    uid: { type: 'Agent', id: 'ci' },
    attrs: { name: 'ci', auth: 'client_secret' },
    parents: [],
  },
  { uid: { type: 'Connection', id: 'main' }, attrs: { name: 'main', provider: 'db' }, parents: [] },
  {
    uid: { type: 'Environment', id: 'live' },
    attrs: { name: 'live', class: 'production' },
    parents: [],
  },
  {
    uid: { type: 'Action', id: 'db:select' },
    attrs: {},
    parents: [{ type: 'Action', id: 'db' }],
  },
];

describe('a request', () => {
  test('of a whole resource', () => {
    expect(requestOf(rightOf())).toStrictEqual({
      principal: { type: 'Agent', id: 'ci' },
      action: { type: 'Action', id: 'db:select' },
      resource: { type: 'Resource', id: 'a' },
      context: {
        time: { __extn: { fn: 'datetime', arg: '2026-11-20T12:00:00.000Z' } },
        hour: 12,
        weekday: 5,
        effect: { __entity: { type: 'Effect', id: 'read' } },
        delete_capable: false,
        sender_bound: false,
        rights: 3,
        grant: { id: 'grant-0', reason: 'because', ttl: 900, sql: false },
      },
      entities: [...AROUND, resource('a')],
    });
  });

  test('of a part, which is in its whole', () => {
    const right = { ...rightOf().right, resource: 'a(x)' };
    expect(requestOf(rightOf({ right }))).toMatchObject({
      resource: { type: 'Resource', id: 'a(x)' },
      entities: [...AROUND, resource('a'), resource('a(x)', { type: 'Resource', id: 'a' })],
    });
  });

  test('under a grant with a ticket, a limit and SQL, by a caller that showed its key', () => {
    const right = { ...rightOf().right, effect: 'delete' as const };
    const limited = { reason: 'OPS-12: clean up', max_uses: 3, sql: 'select 1', ttl: 60 };
    expect(requestOf(rightOf({ right, senderBound: true }, limited)).context).toMatchObject({
      effect: { __entity: { type: 'Effect', id: 'delete' } },
      delete_capable: true,
      sender_bound: true,
      grant: {
        reason: 'OPS-12: clean up',
        ticket: 'OPS-12',
        ttl: 60,
        uses: 2,
        max_uses: 3,
        sql: true,
      },
    });
  });

  test.each([
    ['2026-11-16T00:00:00.000Z', 1, 0],
    ['2026-11-21T23:59:59.999Z', 6, 23],
    ['2026-11-22T05:00:00.000Z', 7, 5],
  ])('at %s: weekday %d, hour %d, both in UTC', (at, weekday, hour) => {
    expect(requestOf(rightOf({ at: Date.parse(at) })).context).toMatchObject({ weekday, hour });
  });
});

test('the schema knows the operations of every catalog, each in the group of its provider', () => {
  const named = (provider: string, ...names: string[]) => ({
    provider,
    operations: names.map((name) => ({ name, summary: '', effects: [], exchangeable: true })),
  });
  const schema = guardrailSchema([
    named('web', 'web:get', 'web:"; action x'),
    CATALOG,
    named('db', 'db:zap', 'db:drop'),
  ]);
  expect(schema.slice(schema.indexOf('action '))).toBe(`action "db";
action "db:drop", "db:run", "db:select", "db:update", "db:vacuum", "db:zap"
  in [Action::"db"]
  appliesTo { principal: Agent, resource: Resource, context: Request };
action "web";
action "web:get"
  in [Action::"web"]
  appliesTo { principal: Agent, resource: Resource, context: Request };
`);
});
