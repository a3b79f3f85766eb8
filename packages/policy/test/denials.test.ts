/** What is denied by the first step that fails, whatever was granted; `denials-of-grants.test.ts` has the grants. */
import type { Catalog } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { decide } from '../src/index.ts';
import {
  authority,
  DROP,
  dropA,
  factsOf,
  type Given,
  KEY,
  knowing,
  NOW,
  question,
  READ,
  verdict,
  verdictOf,
} from './support/facts.ts';

const WEB: Catalog = {
  provider: 'web',
  operations: [
    { name: 'web:get', summary: 'get', effects: [{ effect: 'read' }], exchangeable: true },
  ],
};

describe('denied, by the first step that fails', () => {
  test.each<[string, string, string, string, Given]>([
    [
      'no such agent',
      'agent',
      'unauthenticated',
      'The agent is not registered.',
      { asked: { agent: 'nobody' } },
    ],
    [
      'a disabled agent',
      'agent',
      'agent_disabled',
      'Agent old is disabled.',
      { wishes: [{ ...READ, agent: 'old' }], asked: { agent: 'old' } },
    ],
    [
      'no such connection',
      'connection',
      'unknown_connection',
      'There is no connection other.',
      { asked: { connection: 'other' } },
    ],
    [
      'a provider that is not built in',
      'connection',
      'unknown_connection',
      'Its provider is not built in here.',
      { facts: { rules: new Map() } },
    ],
    [
      'no such environment',
      'connection',
      'environment_mismatch',
      'There is no environment live.',
      { asked: { environment: 'live' } },
    ],
    [
      'no such operation',
      'operation',
      'unknown_operation',
      'db:explode is in no catalog of db.',
      { asked: { asks: [{ operations: ['db:explode'], resources: ['a'] }] } },
    ],
    [
      'another provider’s operation',
      'operation',
      'unknown_operation',
      'railway:volumeDelete is in no catalog of db.',
      { asked: { asks: [{ operations: ['railway:volumeDelete'], resources: null }] } },
    ],
    [
      'what is no operation at all',
      'operation',
      'unknown_operation',
      'db is in no catalog of db.',
      { asked: { asks: [{ operations: ['db'], resources: null }] } },
    ],
    [
      'an operation no credential is made for',
      'operation',
      'unknown_operation',
      'db:vacuum is known, and no credential is ever minted for it.',
      { asked: { asks: [{ operations: ['db:vacuum'], resources: ['a'] }] } },
    ],
    [
      'what is no resource',
      'operation',
      'unparseable_request',
      'a; drop is not a resource of db:select.',
      { asked: { asks: [{ operations: ['db:select'], resources: ['a; drop'] }] } },
    ],
    [
      '“any resource” by its name',
      'operation',
      'unparseable_request',
      '* is not a resource of db:select.',
      { asked: { asks: [{ operations: ['db:select'], resources: ['*'] }] } },
    ],
    [
      'what another provider has, by its name',
      'operation',
      'unknown_operation',
      'web:get is in no catalog of db.',
      {
        asked: { asks: [{ operations: ['web:get'], resources: ['a'] }] },
        facts: { authority: knowing([READ], WEB) },
      },
    ],
    [
      'what was known in no environment is not known here',
      'operation',
      'unknown_operation',
      'db:select is known, and no script stands for it.',
      { asked: { use: 'script' } },
    ],
    [
      'a read out of a delete-capable grant, without its key',
      'sender',
      'sender_mismatch',
      'A delete-capable grant is used with a DPoP proof by the key it names.',
      { wishes: [{ ...DROP, permissions: [...DROP.permissions, ...READ.permissions] }] },
    ],
    [
      'a delete without the key',
      'sender',
      'sender_mismatch',
      'A delete-capable grant is used with a DPoP proof by the key it names.',
      { wishes: [DROP], asked: dropA },
    ],
    [
      'a delete with another key',
      'sender',
      'sender_mismatch',
      'A delete-capable grant is used with a DPoP proof by the key it names.',
      { wishes: [DROP], asked: { ...dropA, sender: KEY.stranger } },
    ],
    [
      'a read where DPoP is demanded',
      'sender',
      'sender_mismatch',
      'A DPoP proof is demanded here.',
      { wishes: [{ ...READ, agent: 'etl' }], asked: { agent: 'etl' } },
    ],
    [
      'no proof of the environment',
      'environment',
      'environment_unproven',
      'The environment could not be proven.',
      { facts: { provenIds: () => null } },
    ],
    [
      'an empty proof',
      'environment',
      'environment_unproven',
      'The environment could not be proven.',
      { facts: { provenIds: () => [] } },
    ],
    [
      'another environment’s id',
      'environment',
      'environment_mismatch',
      'stage-1 is not mapped into production by main.',
      { facts: { provenIds: () => ['stage-1'] } },
    ],
    [
      'its own and another’s',
      'environment',
      'environment_mismatch',
      'stage-1 is not mapped into production by main.',
      { facts: { provenIds: () => ['prod-1', 'stage-1'] } },
    ],
    [
      'an id nobody mapped',
      'environment',
      'environment_mismatch',
      'prod-9 is not mapped into production by main.',
      { facts: { provenIds: () => ['prod-9'] } },
    ],
  ])('%s', (_name, step, code, text, given) => {
    const found = verdictOf(given);
    expect(found).toMatchObject({ allowed: false, code });
    expect(found.steps.at(-1)).toEqual({ step, ok: false, text });
  });

  test('the environment’s rule demands DPoP of every token', () => {
    const state = authority([READ]);
    const production = state.environments.get('production-id');
    if (production === undefined) throw new Error();
    const rule = { ...production.rule, require_dpop: true };
    state.environments.set('production-id', { ...production, rule });
    const facts = factsOf(state);
    expect(decide(facts, question(), NOW)).toMatchObject({ code: 'sender_mismatch' });
    expect(decide(facts, question({ sender: KEY.proof }), NOW).allowed).toBe(true);
  });

  test('what was asked goes into the access request, canonical where it can be read', () => {
    expect(verdict([], { asks: [{ operations: ['db:drop'], resources: ['A'] }] })).toMatchObject({
      asked: [{ operation: 'db:drop', resource: 'a' }],
    });
    for (const ask of [
      { operations: null, resources: ['a'] },
      { operations: ['db:drop'], resources: null },
    ]) {
      expect(verdict([], { connection: 'other', asks: [ask] })).toMatchObject({ asked: [] });
    }
    expect(verdict([], { connection: 'other', ...dropA })).toMatchObject({
      asked: [{ operation: 'db:drop', resource: 'a' }],
    });
  });
});
