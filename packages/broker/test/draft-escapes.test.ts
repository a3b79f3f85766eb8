/** What a signer accepts is what the provider says is open now, by name, with the digest it has now. */
import { emptyState } from '@countersign/authority';
import { Secret } from '@countersign/core';
import type { Escape } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { commitmentTo } from '../src/connection-credential.ts';
import type { Deps } from '../src/deps.ts';
import { draftEscapes } from '../src/draft-escapes.ts';

const SALT = Buffer.alloc(32, 1).toString('base64url');
const PASSWORD = new Secret('credential', 'the password');
const BROKER = Buffer.alloc(32, 2).toString('base64url');
const CONNECTION = '01999f5e-7a40-7000-8000-000000000001';

function open(object: string): Escape {
  const digest = Buffer.alloc(32, object).toString('base64url');
  return { object, digest, explanation: `${object} deletes.`, remedy: `drop ${object}` };
}

function drafting(objects: readonly string[], found: readonly Escape[], ok = true) {
  const state = emptyState();
  state.broker = BROKER;
  state.names.set('connection/pg', CONNECTION);
  const body = {
    connection: null,
    name: 'pg',
    provider: 'postgres',
    endpoint: 'e',
    account: 'a',
    config: {},
    mapping: {},
    credential: commitmentTo(SALT, PASSWORD),
  };
  state.connections.set(CONNECTION, {
    id: CONNECTION,
    name: 'pg',
    body,
    setBy: CONNECTION,
    since: '2026-11-20T12:00:00.000Z',
    former: [],
    removedAt: null,
  });
  const findings = [{ ok, text: 'The server does not answer.' }];
  // Only what drafting this kind asks of the rest.
  const deps = {
    authority: { state },
    clock: { now: () => Date.parse('2026-11-20T12:00:00.000Z') },
    providers: new Map([['postgres', { check: async () => ({ ok, findings, escapes: found }) }]]),
    sealed: { open: async () => ({ salt: SALT, credential: PASSWORD }) },
  } as unknown as Deps;
  return draftEscapes(deps, {
    kind: 'escape.accept',
    id: '01999f5e-7a40-7000-8000-000000000002',
    body: { connection: 'pg', objects: [...objects], reason: 'needed' },
  });
}

describe('accepted escapes are drafted', () => {
  test('in order, each once, with the digest they have, and explained beside', async () => {
    const drafted = await drafting(['g()', 'f()', 'g()'], [open('f()'), open('g()'), open('h()')]);
    expect(drafted.statement.body).toEqual({
      connection: CONNECTION,
      escapes: [open('f()'), open('g()')].map(({ object, digest }) => ({ object, digest })),
      reason: 'needed',
    });
    expect(drafted.notes).toEqual([
      'f(): f() deletes. To close it: drop f()',
      'g(): g() deletes. To close it: drop g()',
    ]);
  });

  test.each<[string, Parameters<typeof drafting>, RegExp]>([
    [
      'what is not open',
      [['x()'], [open('f()'), open('g()')]],
      /x\(\) is not open.*f\(\), g\(\)\./,
    ],
    ['anything where nothing is', [['x()'], []], /Nothing is\./],
    [
      'one name that two escapes share',
      [['f()'], [open('f()'), open('f()')]],
      /Several are open.*f\(\)/,
    ],
    [
      'what could not be looked at',
      [['f()'], [], false],
      /could not be told\. The server does not/,
    ],
  ])('and never %s', async (_name, given, words) => {
    await expect(drafting(...given)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(words),
    });
  });
});
