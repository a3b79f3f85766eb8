/** Step 7: what a guardrail forbids is denied, and so is whatever one could not judge. */
import { describe, expect, test, vi } from 'vitest';
import {
  type Cedar,
  createGuardrailEngine,
  decide,
  type Facts,
  forbiddenAmong,
  type Verdict,
} from '../src/index.ts';
import { engine, guarded, loadCedar } from './support/engine.ts';
import {
  authority,
  CATALOG,
  DROP,
  dropA,
  factsOf,
  KEY,
  NOW,
  question,
  READ,
  RULES,
} from './support/facts.ts';

const WISHES = [READ, DROP];
const drop = { ...dropA, sender: KEY.registered };

function judged(
  texts: Readonly<Record<string, string>>,
  asked: Parameters<typeof question>[0] = {},
  change: Partial<Facts> = {},
  now = NOW,
): Verdict {
  const state = guarded(authority(WISHES), texts);
  return decide(factsOf(state, { guardrails: engine, ...change }), question(asked), now);
}

function said(verdict: Verdict): string | undefined {
  return verdict.steps.find(({ step }) => step === 'guardrail')?.text;
}

const forbid = (when: string): string => `forbid (principal, action, resource) when { ${when} };`;

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
    ['on uses', 'context.grant has uses && context.grant.uses >= 0', {}, true],
    ['on uses, of a grant that has an end of them', 'context.grant has max_uses', drop, false],
    ['on uses so far', 'context.grant has uses && context.grant.uses == 1', {}, true],
    ['on a grant whose uses nobody counts', '!(context.grant has uses)', {}, false],
    ['on SQL', 'context.grant.sql', {}, true],
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
    expect(said(decide(facts, asks('a'), NOW))).toBe('The guardrail forbids none of it.');
    expect(said(decide(facts, asks('a', 'b'), NOW))).toBe(
      'Guardrail b, policy #1, forbids db:select on b.',
    );
    const two = guarded(state, { few: forbid('context.rights > 2'), b: forbid('false') });
    const both = decide({ ...facts, authority: two }, asks('a', 'b'), NOW);
    expect(said(both)).toBe('None of 2 guardrails forbids it.');
    const one = guarded(state, { few: forbid('context.rights > 1') });
    expect(decide({ ...facts, authority: one }, asks('a', 'b'), NOW).allowed).toBe(false);
  });

  test('is judged on the uses of the grant that covers the right, and on the time', () => {
    const limited = guarded(authority([{ ...READ, maxUses: 5 }]), {
      once: forbid('context.grant has uses && context.grant.uses > 3'),
    });
    const used = (count: number) =>
      factsOf(limited, { guardrails: engine, uses: new Map([['grant-0', count]]) });
    expect(decide(used(3), question(), NOW).allowed).toBe(true);
    expect(decide(used(4), question(), NOW)).toMatchObject({ code: 'guardrail' });
    const night = { hours: forbid('context.hour < 12') };
    expect(judged(night).allowed).toBe(true);
    expect(judged(night, {}, {}, NOW - 1).allowed).toBe(false);
  });

  test('on uses of every grant is none: those of a grant without a limit are not counted', () => {
    const text = forbid('context.grant.uses > 3');
    expect(engine.check(text, authority().catalogs.values())).toEqual([
      expect.objectContaining({ text: expect.stringMatching(/optional attribute/) }),
    ]);
    // Law 5: one that stands all the same denies, instead of counting none.
    expect(judged({ often: text })).toMatchObject({ allowed: false, code: 'guardrail' });
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

  test.each([
    [1_000, 'The guardrail forbids none of it.'],
    [
      1_001,
      'Guardrail fine could not be evaluated for db:select on a, which denies it: it took more than 1000 ms.',
    ],
  ])('an answer that came late, after %d ms', (taken, text) => {
    const elapsed = vi
      .fn<() => number>()
      .mockReturnValueOnce(5)
      .mockReturnValue(5 + taken);
    const slow = createGuardrailEngine({ load: loadCedar, elapsed });
    expect(said(judged({ fine: forbid('false') }, {}, { guardrails: slow }))).toBe(text);
  });

  const failure = {
    type: 'failure' as const,
    errors: [{ message: 'out of order', help: null, code: null, url: null, severity: null }],
    warnings: [],
  };
  test.each<[string, Partial<Cedar>, string]>([
    [
      'it does not take the policies',
      { preparsePolicySet: () => failure },
      'Guardrail fine could not be evaluated for db:select on a, which denies it: out of order.',
    ],
    [
      'it takes no policies and does not say why',
      { preparsePolicySet: () => ({ ...failure, errors: [] }) },
      'Guardrail fine could not be evaluated for db:select on a, which denies it: unreadable.',
    ],
    [
      'it does not evaluate them',
      { statefulIsAuthorized: () => failure },
      'Guardrail  could not be evaluated for db:select on a, which denies it: out of order.',
    ],
    [
      'it does not evaluate them and does not say why',
      { statefulIsAuthorized: () => ({ ...failure, errors: [] }) },
      'Guardrail  could not be evaluated for db:select on a, which denies it: it could not be evaluated.',
    ],
    [
      'it denies for a reason nobody wrote',
      {
        statefulIsAuthorized: () => ({
          type: 'success',
          response: { decision: 'deny', diagnostics: { reason: [], errors: [] } },
          warnings: [],
        }),
      },
      'Guardrail  forbids db:select on a.',
    ],
    [
      'it traps when it evaluates',
      {
        statefulIsAuthorized: () => {
          throw new Error('unreachable');
        },
      },
      'Guardrail fine could not be evaluated for db:select on a, which denies it: the engine failed.',
    ],
    [
      'it traps when it reads',
      {
        preparsePolicySet: () => {
          throw new Error('unreachable');
        },
      },
      'Guardrail fine could not be evaluated for db:select on a, which denies it: it could not be read to its end.',
    ],
  ])('an engine out of order: %s', (_, broken, text) => {
    const engine = createGuardrailEngine({
      load: () => ({ ...loadCedar(), ...broken }),
      elapsed: () => 0,
    });
    const verdict = judged({ fine: forbid('false') }, {}, { guardrails: engine });
    expect(verdict).toMatchObject({ allowed: false, code: 'guardrail' });
    expect(said(verdict)).toBe(text);
  });

  test('a right whose grant is not there', () => {
    const state = guarded(authority(WISHES), { fine: forbid('false') });
    const verdict = decide(factsOf(state, { guardrails: engine }), question(), NOW);
    if (!verdict.allowed) throw new Error(verdict.code);
    const environment = state.environments.get('production-id');
    const agent = state.agents.get('ci');
    if (environment === undefined || agent === undefined) throw new Error('they are there');
    const proven = {
      agent,
      connection: verdict.connection,
      environment,
      providerIds: [],
      rules: RULES,
    };
    const lost = verdict.rights.map((right) => ({ ...right, grant: 'grant-9' }));
    const guardrails = [...state.guardrails.values()];
    const by = { guardrails, senderBound: false, now: NOW };
    expect(forbiddenAmong(factsOf(state), proven, lost, by)).toEqual({
      right: lost[0],
      by: { id: 'fine-id', name: 'fine', policy: null },
      error: 'its grant is unknown',
      text: 'Guardrail fine could not be evaluated for db:select on a, which denies it: its grant is unknown.',
    });
    expect(forbiddenAmong(factsOf(state), proven, verdict.rights, by)?.error).toBe(
      'there is no engine',
    );
    expect(forbiddenAmong(factsOf(state), proven, [], by)).toBeNull();
    expect(forbiddenAmong(factsOf(state), proven, lost, { ...by, guardrails: [] })).toBeNull();
  });
});

describe('a text that is tried out before it stands', () => {
  const rule = forbid('context.hour > 3');

  test('is evaluated once, itself, on a right that could be', () => {
    const cedar = loadCedar();
    const [prepared, evaluated]: [unknown[], unknown[]] = [[], []];
    const watched = createGuardrailEngine({
      load: () => ({
        ...cedar,
        preparsePolicySet: (id, policies) => {
          prepared.push([id, policies]);
          return cedar.preparsePolicySet(id, policies);
        },
        statefulIsAuthorized: (call) => {
          evaluated.push(call.preparsedPolicySetId);
          return cedar.statefulIsAuthorized(call);
        },
      }),
      elapsed: () => 0,
    });
    expect(watched.check(rule, [CATALOG])).toEqual([]);
    expect(prepared).toEqual([['checked', { staticPolicies: { 0: rule } }]]);
    expect(evaluated).toEqual(['checked']);
  });

  test.each<[string, Partial<Cedar>, string]>([
    [
      'what traps when it is evaluated',
      {
        statefulIsAuthorized: () => {
          throw new Error('unreachable');
        },
      },
      'It could not be read to its end. Nest less, and split it into several policies.',
    ],
    [
      'what cannot be validated',
      {
        validate: () => ({
          type: 'failure',
          errors: [
            { message: 'no such schema', help: null, code: null, url: null, severity: null },
          ],
          warnings: [],
        }),
      },
      'no such schema.',
    ],
  ])('is refused: %s', (_, broken, text) => {
    const engine = createGuardrailEngine({
      load: () => ({ ...loadCedar(), ...broken }),
      elapsed: () => 0,
    });
    expect(engine.check(rule, [CATALOG])).toEqual([{ line: null, column: null, text }]);
  });
});

describe('the engine', () => {
  test('reads texts before they are asked for, where it is told to', () => {
    let read = 0;
    const load = vi.fn(() => {
      const cedar = loadCedar();
      const preparsePolicySet: Cedar['preparsePolicySet'] = (id, policies) => {
        read += 1;
        return cedar.preparsePolicySet(id, policies);
      };
      return { ...cedar, preparsePolicySet };
    });
    const early = createGuardrailEngine({ load, elapsed: () => 0 });
    early.prepare([]);
    expect(load).not.toHaveBeenCalled();
    const state = guarded(authority(WISHES), { fine: forbid('false') });
    early.prepare([...state.guardrails.values()]);
    expect(read).toBe(1);
    expect(decide(factsOf(state, { guardrails: early }), question(), NOW).allowed).toBe(true);
    expect(read).toBe(1);
    const deep = forbid(`${'('.repeat(4_000)}true${')'.repeat(4_000)}`);
    early.prepare([{ id: 'deep-id', name: 'deep', policy: deep }]);
    expect(load).toHaveBeenCalledTimes(1);
    expect(decide(factsOf(state, { guardrails: early }), question(), NOW).allowed).toBe(true);
    expect(load).toHaveBeenCalledTimes(2);
  });

  test('keeps what it is asked for, whatever comes between', () => {
    const cedar = loadCedar();
    const read: string[] = [];
    const bounded = createGuardrailEngine({
      load: () => ({
        ...cedar,
        preparsePolicySet: (id, policies) => {
          read.push(JSON.stringify(policies));
          return cedar.preparsePolicySet(id, policies);
        },
      }),
      elapsed: () => 0,
    });
    const ask = (when: string) => judged({ rule: forbid(when) }, {}, { guardrails: bounded });
    for (let hour = 0; hour < 100; hour += 1) {
      ask('context.hour == 99');
      ask(`context.hour == ${hour - 100}`);
    }
    expect(read.filter((policies) => policies.includes('context.hour == 99'))).toHaveLength(1);
  });

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
