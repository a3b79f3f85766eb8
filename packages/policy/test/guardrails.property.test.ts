/**
 * Guardrails only forbid: whatever they say, what was denied stays denied, for the same reason; and what
 * they let pass is exactly what was allowed without them.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../src/index.ts';
import { engine, guarded } from './support/engine.ts';
import { authority, DROP, factsOf, KEY, NOW, question, READ, type Wish } from './support/facts.ts';

const WISHES: readonly Wish[] = [
  READ,
  DROP,
  { permissions: [{ operations: { 'db:select': 'read' }, resources: ['b(x)', 'c'] }], until: -1 },
  { permissions: [{ operations: { 'db:update': 'write' }, resources: ['b(x)'] }] },
];

const condition = fc.letrec<{ atom: string; any: string }>((tie) => ({
  atom: fc.oneof(
    fc.constantFrom(
      'true',
      'false',
      'context.delete_capable',
      'context.sender_bound',
      'resource in Environment::"production"',
      'resource == Resource::"a"',
      'context.effect == Effect::"write"',
      'action == Action::"db:select"',
      // These err, some of them only where they are reached.
      'context.grant.ticket == "A-1"',
      'context.colour',
      'context.hour + 9223372036854775807 > 0',
      '1',
      'principal.name > 3',
    ),
    fc.integer({ min: 0, max: 24 }).map((hour) => `context.hour < ${hour}`),
    fc.string({ maxLength: 12 }).map((text) => `resource.id like ${JSON.stringify(text)}`),
  ),
  any: fc.oneof(
    { depthSize: 'small' },
    tie('atom'),
    fc.tuple(tie('any'), fc.constantFrom('&&', '||'), tie('any')).map((it) => `(${it.join(' ')})`),
    tie('any').map((it) => `!(${it})`),
  ),
}));

const policy = fc
  .tuple(
    fc.constantFrom('forbid', 'forbid', 'forbid', 'permit'),
    fc.constantFrom('when', 'unless'),
    condition.any,
  )
  .map(
    ([effect, clause, when]) => `${effect} (principal, action, resource) ${clause} { ${when} };`,
  );
const text = fc.oneof(
  { weight: 9, arbitrary: fc.array(policy, { maxLength: 3 }).map((all) => all.join('\n')) },
  { weight: 1, arbitrary: fc.string() },
);

const asked = fc.record({
  operation: fc.constantFrom('db:select', 'db:update', 'db:drop', 'db:run'),
  resource: fc.constantFrom('a', 'a(x)', 'b(x)', 'c'),
  sender: fc.constantFrom(null, KEY.registered),
});

describe('whatever guardrails say', () => {
  test('no denial becomes an allowance, and no allowance another one', () => {
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 3 }),
        asked,
        (texts, { operation, resource, sender }) => {
          const state = authority(WISHES);
          const ask = question({
            sender,
            asks: [{ operations: [operation], resources: [resource] }],
          });
          const without = decide(factsOf(state), ask, NOW);
          const named = Object.fromEntries(texts.map((each, at) => [`g${at}`, each]));
          const within = decide(factsOf(guarded(state, named), { guardrails: engine }), ask, NOW);
          if (!without.allowed) expect(within).toEqual(without);
          else if (within.allowed) {
            expect(within.rights).toEqual(without.rights);
            expect(within.obligations).toEqual(without.obligations);
          } else expect(within.code).toBe('guardrail');
        },
      ),
      { numRuns: 300 },
    );
  });

  test('one more guardrail never allows what fewer denied', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), asked, (texts, ask) => {
        const judge = (some: readonly string[]) =>
          decide(
            factsOf(
              guarded(
                authority(WISHES),
                Object.fromEntries(some.map((each, at) => [`g${at}`, each])),
              ),
              { guardrails: engine },
            ),
            question({
              sender: ask.sender,
              asks: [{ operations: [ask.operation], resources: [ask.resource] }],
            }),
            NOW,
          ).allowed;
        if (!judge(texts.slice(1))) expect(judge(texts)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});
