/** Step 7: what a guardrail forbids is denied, and so is whatever one could not judge. */
import { describe, expect, test, vi } from 'vitest';
import { createGuardrailEngine, decide, type Facts, type Verdict } from '../src/index.ts';
import { engine, guarded, loadCedar } from './support/engine.ts';
import { authority, DROP, dropA, factsOf, KEY, NOW, question, READ } from './support/facts.ts';

const WISHES = [READ, DROP];

function judged(
  texts: Readonly<Record<string, string>>,
  asked: Parameters<typeof question>[0] = {},
  change: Partial<Facts> = {},
  now = NOW,
): Verdict {
  const state = guarded(authority(WISHES), texts);
  return decide(factsOf(state, { guardrails: engine, ...change }), question(asked), now);
}

const forbid = (when: string): string => `forbid (principal, action, resource) when { ${when} };`;
const drop = { ...dropA, sender: KEY.registered };

describe('a guardrail', () => {
  test.each<[string, string, Parameters<typeof question>[0], boolean]>([
    ['on an operation', 'action == Action::"db:select"', {}, false],
    ['on another operation', 'action == Action::"db:drop"', {}, true],
    ['on a provider', 'action in Action::"db"', {}, false],
    ['on an agent', 'principal == Agent::"ci"', {}, false],
    ['on another agent', 'principal == Agent::"etl"', {}, true],
    ['on how an agent authenticates', 'principal.auth == "private_key_jwt"', {}, false],
    ['on an environment', 'resource in Environment::"production"', {}, false],
    ['on a class of environments', 'resource.environment.class == "production"', {}, false],
    ['on another environment', 'resource in Environment::"staging"', {}, true],
    ['on a connection', 'resource in Connection::"main"', {}, false],
    ['on a provider’s name', 'resource.provider == "db"', {}, false],
    ['on a resource', 'resource == Resource::"a"', {}, false],
    ['on resources of a kind', 'resource.id like "a*"', {}, false],
    ['on other resources', 'resource.id like "b*"', {}, true],
    ['on what was proven', 'resource.provider_ids.contains("prod-1")', {}, false],
    ['on an effect', 'context.effect == Effect::"read"', {}, false],
    ['on what can delete, asked to read', 'context.delete_capable', {}, true],
    ['on what can delete, asked to drop', 'context.delete_capable', drop, false],
    ['on callers that show no key', '!context.sender_bound', {}, false],
    ['on callers that show no key, of one that does', '!context.sender_bound', drop, true],
    ['on the hour', 'context.hour == 12', {}, false],
    ['on the day of the week', 'context.weekday == 5', {}, false],
    ['on a time', 'context.time < datetime("2026-11-21")', {}, false],
    ['on words of the grant', '!(context.grant.reason like "*OPS*")', {}, false],
    ['on a ticket', '!(context.grant has ticket)', {}, false],
    ['on uses', 'context.grant has max_uses && context.grant.uses >= 0', {}, true],
    ['on how much is asked at once', 'context.rights > 1', {}, true],
  ])('%s', (_, when, asked, allowed) => {
    const verdict = judged({ rule: forbid(when) }, asked);
    expect(engine.check(forbid(when), authority().catalogs.values())).toEqual([]);
    expect(verdict.allowed).toBe(allowed);
    if (!verdict.allowed) {
      expect(verdict).toMatchObject({
        code: 'guardrail',
        guardrail: { id: 'rule-id', name: 'rule', policy: '#1' },
      });
      expect(verdict.steps.at(-1)).toMatchObject({ step: 'guardrail', ok: false });
    }
  });

  test('is judged on every right that is asked for', () => {
    const wish = {
      permissions: [{ operations: { 'db:select': 'read' as const }, resources: ['a', 'b'] }],
    };
    const state = guarded(authority([wish]), { b: forbid('resource == Resource::"b"') });
    const facts = factsOf(state, { guardrails: engine });
    const asks = (...resources: string[]) =>
      question({ asks: [{ operations: ['db:select'], resources }] });
    expect(decide(facts, asks('a'), NOW).allowed).toBe(true);
    expect(decide(facts, asks('a', 'b'), NOW)).toMatchObject({ code: 'guardrail' });
  });

  test('on a resource holds for its parts too', () => {
    const state = guarded(authority([READ]), { a: forbid('resource in Resource::"a"') });
    const facts = factsOf(state, { guardrails: engine });
    const part = question({ asks: [{ operations: ['db:select'], resources: ['a(x)'] }] });
    expect(decide(facts, part, NOW)).toMatchObject({ allowed: false, code: 'guardrail' });
    const whole = guarded(authority([READ]), { a: forbid('resource.whole == "a"') });
    expect(decide({ ...facts, authority: whole }, part, NOW)).toMatchObject({ code: 'guardrail' });
  });

  test('is named with its policy, by its @id or its place', () => {
    const text = `${forbid('false')} @id("weekends") ${forbid('true')}`;
    const verdict = judged({ quiet: forbid('false'), freeze: text });
    expect(verdict).toMatchObject({
      guardrail: { name: 'freeze', policy: 'weekends' },
      steps: expect.arrayContaining([
        {
          step: 'guardrail',
          ok: false,
          text: 'Guardrail freeze, policy weekends, forbids db:select on a.',
        },
      ]),
    });
    expect(judged({ freeze: `${forbid('false')} ${forbid('true')}` })).toMatchObject({
      guardrail: { policy: '#2' },
    });
    const many = Array.from({ length: 12 }, (_, at) => forbid(at === 10 ? 'true' : 'false'));
    expect(judged({ many: many.join('\n') })).toMatchObject({ guardrail: { policy: '#11' } });
  });

  test('comes after every other reason: what was not granted is not granted', () => {
    const verdict = judged(
      { all: forbid('true') },
      { asks: [{ operations: ['db:run'], resources: ['a'] }] },
    );
    expect(verdict).toMatchObject({ code: 'needs_signature', guardrail: null });
  });

  test('that was removed forbids nothing', () => {
    const state = guarded(authority(WISHES), { all: forbid('true') });
    const [guardrail] = state.guardrails.values();
    if (guardrail === undefined) throw new Error('there is one');
    state.guardrails.set(guardrail.id, { ...guardrail, removedAt: guardrail.at });
    expect(decide(factsOf(state, { guardrails: engine }), question(), NOW).allowed).toBe(true);
  });
});

describe('denied by what could not be evaluated', () => {
  test.each<[string, string, string | null]>([
    ['an attribute that is missing', forbid('context.grant.ticket == "OPS-1"'), '#1'],
    ['an attribute that was never there', forbid('context.colour == "red"'), '#1'],
    ['a number that overflows', forbid('context.hour + 9223372036854775807 > 0'), '#1'],
    ['another type than expected', forbid('context.grant.reason > 1'), '#1'],
    ['a date that is none', forbid('datetime(context.grant.reason) < context.time'), '#1'],
    ['an entity that is not there', forbid('Agent::"nobody".name == "x"'), '#1'],
    ['a text that is no Cedar', 'forbid everything', null],
    ['a text with nothing in it', '// todo', null],
    ['a permit', 'permit (principal, action, resource);', null],
    ['a permit behind a forbid', `${forbid('false')} permit (principal, action, resource);`, null],
    ['a template', 'forbid (principal == ?principal, action, resource);', null],
    ['two policies of one name', `@id("a") ${forbid('false')} @id("a") ${forbid('false')}`, null],
    ['brackets without end', forbid(`${'('.repeat(4_000)}true${')'.repeat(4_000)}`), null],
    ['a sum without end', forbid(`1${'+1'.repeat(4_000)} == 1`), null],
    ['attributes without end', forbid(`context${'.a'.repeat(4_000)} == 1`), null],
  ])('%s', (_, text, policy) => {
    const verdict = judged({ fine: forbid('false'), broken: text });
    expect(verdict).toMatchObject({
      allowed: false,
      code: 'guardrail',
      guardrail: { policy },
      steps: expect.arrayContaining([
        expect.objectContaining({
          step: 'guardrail',
          text: expect.stringMatching(/could not be evaluated/),
        }),
      ]),
    });
    // And what follows is judged as if nothing had happened.
    expect(judged({ fine: forbid('false') }).allowed).toBe(true);
  });

  test('even if the part that errs is one of several', () => {
    const texts = { broken: `${forbid('false')} ${forbid('context.grant.ticket == "a"')}` };
    expect(judged(texts)).toMatchObject({ guardrail: { policy: '#2' } });
  });

  test('where a guardrail stands and there is no engine, and nowhere else', () => {
    expect(judged({ fine: forbid('false') }, {}, { guardrails: null })).toMatchObject({
      code: 'guardrail',
    });
    expect(judged({}, {}, { guardrails: null }).allowed).toBe(true);
  });

  test('where the engine does not load, or traps, until a fresh one judges', () => {
    let loads = 0;
    const flaky = createGuardrailEngine({
      load: () => {
        loads += 1;
        if (loads === 1) throw new Error('no such file');
        const cedar = loadCedar();
        return loads > 2
          ? cedar
          : {
              ...cedar,
              statefulIsAuthorized: () => {
                throw new Error('memory access out of bounds');
              },
            };
      },
      elapsed: () => 0,
    });
    const ask = () => judged({ fine: forbid('false') }, {}, { guardrails: flaky }).allowed;
    expect([ask(), ask(), ask(), ask()]).toEqual([false, false, true, true]);
    expect(loads).toBe(3);
  });

  test('an answer that came late', () => {
    const elapsed = vi.fn<() => number>().mockReturnValueOnce(0).mockReturnValue(1_001);
    const slow = createGuardrailEngine({ load: loadCedar, elapsed });
    expect(judged({ fine: forbid('false') }, {}, { guardrails: slow })).toMatchObject({
      code: 'guardrail',
    });
  });
});

describe('the engine', () => {
  test('is brought down once by a text, and names it ever after', () => {
    const load = vi.fn(loadCedar);
    const spared = createGuardrailEngine({ load, elapsed: () => 0 });
    const texts = {
      fine: forbid('false'),
      deep: forbid(`${'('.repeat(4_000)}true${')'.repeat(4_000)}`),
    };
    for (let i = 0; i < 5; i += 1) {
      expect(judged(texts, {}, { guardrails: spared })).toMatchObject({
        guardrail: { name: 'deep' },
      });
    }
    expect(load.mock.calls.length).toBeLessThanOrEqual(2);
    expect(judged({ fine: forbid('false') }, {}, { guardrails: spared }).allowed).toBe(true);
  });

  test('is not even loaded where no guardrail stands', () => {
    const load = vi.fn(loadCedar);
    const lazy = createGuardrailEngine({ load, elapsed: () => 0 });
    expect(judged({}, {}, { guardrails: lazy }).allowed).toBe(true);
    expect(load).not.toHaveBeenCalled();
  });

  test('reads each text once, however often it is judged', () => {
    let parsed = 0;
    const state = guarded(authority(WISHES), { fine: forbid('false'), other: forbid('false') });
    const cedar = loadCedar();
    const counting = createGuardrailEngine({
      load: () => ({
        ...cedar,
        preparsePolicySet: (id, policies) => {
          parsed += 1;
          return cedar.preparsePolicySet(id, policies);
        },
      }),
      elapsed: () => 0,
    });
    const facts = factsOf(state, { guardrails: counting });
    for (let i = 0; i < 50; i += 1) expect(decide(facts, question(), NOW).allowed).toBe(true);
    expect(parsed).toBe(1);
  });

  test('forgets the oldest of many texts, and judges by it when it comes again', () => {
    const cedar = loadCedar();
    const slots = new Set<string>();
    const bounded = createGuardrailEngine({
      load: () => ({
        ...cedar,
        preparsePolicySet: (id, policies) => {
          slots.add(id);
          return cedar.preparsePolicySet(id, policies);
        },
      }),
      elapsed: () => 0,
    });
    const hourIs = (hour: number) =>
      judged({ hours: forbid(`context.hour == ${hour}`) }, {}, { guardrails: bounded }).allowed;
    for (const round of [0, 1]) {
      for (let hour = 0; hour < 100; hour += 1) expect(hourIs(hour), `${round}`).toBe(hour !== 12);
    }
    expect(slots.size).toBeLessThan(40);
  });
});
