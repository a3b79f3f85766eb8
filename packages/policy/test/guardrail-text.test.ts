/** What is accepted as a guardrail, and what its author hears when it is not. */
import { describe, expect, test } from 'vitest';
import { requestOf } from '../src/guardrail-request.ts';
import { guardrailSchema } from '../src/guardrail-schema.ts';
import { engine, loadCedar } from './support/engine.ts';
import { authority, CATALOG, NOW, READ } from './support/facts.ts';

const forbid = (when: string): string => `forbid (principal, action, resource) when { ${when} };`;
const nested = (open: string, close: string, times: number) =>
  forbid(`${open.repeat(times)}true${close.repeat(times)}`);

describe('refused as a guardrail', () => {
  test.each<[string, string, string | null, string | RegExp]>([
    ['nothing', '', null, 'It holds no policy. Write at least one forbid(…);'],
    ['only a comment', '// nothing yet', null, 'It holds no policy. Write at least one forbid(…);'],
    ['no Cedar', 'never delete', '1:7', 'unexpected token `delete`; expected `(`.'],
    [
      'a permit',
      'permit (principal, action, resource);',
      null,
      'Policy #1 is a permit. A guardrail only forbids: write forbid(…) when {…};',
    ],
    [
      'a permit behind a forbid',
      `${forbid('context.hour > 3')}\npermit (principal, action, resource);`,
      null,
      'Policy #2 is a permit. A guardrail only forbids: write forbid(…) when {…};',
    ],
    [
      'a template',
      'forbid (principal == ?principal, action, resource);',
      null,
      'It holds a template (?principal or ?resource); a guardrail stands by itself.',
    ],
    [
      'two policies of one name',
      `@id("a") ${forbid('context.hour > 3')} @id("a") ${forbid('context.hour > 4')}`,
      null,
      'Two policies are called a. Give each an @id("…") of its own.',
    ],
    [
      'an empty @id',
      `@id("") ${forbid('context.hour > 3')}`,
      null,
      'An @id has 1 to 80 characters: policy #1.',
    ],
    [
      'an attribute that is not there',
      forbid('resource.colour == "red"'),
      '1:45',
      /colour.*not found/,
    ],
    [
      'an attribute that is nearly there',
      `// first\n${forbid('context.hours > 3')}`,
      '2:45',
      /did you mean `hour`\?$/,
    ],
    [
      'an optional attribute taken for granted',
      forbid('context.grant.ticket == "A-1"'),
      '1:45',
      /has ticket/,
    ],
    [
      'an operation of no catalog',
      'forbid (principal, action == Action::"db:dorp", resource);',
      '1:30',
      /unrecognized action/,
    ],
    [
      'an effect that is none',
      forbid('context.effect == Effect::"destroy"'),
      '1:63',
      /valid entity eids: "read"/,
    ],
    [
      'two types compared',
      forbid('context.hour == "noon"'),
      '1:45',
      'the types Long and String are not compatible; both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible.',
    ],
    [
      'another kind of principal',
      'forbid (principal is User, action, resource);',
      '1:22',
      'unrecognized entity type `User`; did you mean `Agent`?',
    ],
    [
      'what can never be',
      forbid('false'),
      '1:1',
      'policy is impossible: the policy expression evaluates to false for all valid requests.',
    ],
    [
      'letters that look like others',
      forbid('resource.id == "pаypal"'),
      '1:60',
      'string `"pаypal"` contains mixed scripts.',
    ],
    [
      'letters nobody sees',
      `// é\n${forbid('resource.id like "*\u202e*"')}`,
      '2:64',
      'It holds U+202E, which nobody sees. Take it out.',
    ],
    [
      'brackets without end',
      nested('(', ')', 4_000),
      null,
      'It could not be read to its end. Nest less, and split it into several policies.',
    ],
    [
      'more negations than can be evaluated',
      nested('!(', ')', 130),
      null,
      'Policy #1 nests its conditions too deeply. Split it into several policies.',
    ],
    [
      'a sum without end',
      forbid(`1${'+1'.repeat(500)} > context.hour`),
      null,
      'Policy #1 nests its conditions too deeply. Split it into several policies.',
    ],
    [
      'more policies than one text holds',
      forbid('context.hour > 3').repeat(65),
      null,
      'It holds 65 policies; 64 is the most.',
    ],
    [
      'a sum that nests one level too deep',
      forbid(`1${'+1'.repeat(98)} > context.hour`),
      null,
      'Policy #1 nests its conditions too deeply. Split it into several policies.',
    ],
    [
      'too long an @id',
      `@id("${'x'.repeat(81)}") ${forbid('context.hour > 3')}`,
      null,
      'An @id has 1 to 80 characters: policy #1.',
    ],
    [
      'a control character behind letters of four bytes',
      `// 🧊🧊 \u0007\n${forbid('context.hour > 3')}`,
      '1:7',
      'It holds U+0007, which nobody sees. Take it out.',
    ],
  ])('%s', (_, text, place, words) => {
    const [complaint] = engine.check(text, [CATALOG]);
    if (typeof words === 'string') expect(complaint?.text).toBe(words);
    else expect(complaint?.text).toMatch(words);
    const { line, column } = complaint ?? {};
    expect(line === null ? null : `${line}:${column}`).toBe(place);
    // And what comes next is read as if nothing had been.
    expect(engine.check(forbid('context.hour > 3'), [CATALOG])).toEqual([]);
  });

  test('each place once, with its line and column', () => {
    const text =
      'forbid (principal, action, resource)\nwhen {\n  context.hours > 3 &&\n  context.day == 1\n};';
    expect(engine.check(text, [CATALOG]).map(({ line, column }) => [line, column])).toContainEqual([
      3, 3,
    ]);
    const places = engine.check(text, [CATALOG]).map(({ line, column }) => `${line}:${column}`);
    expect(new Set(places).size).toBe(places.length);
  });
});

describe('a text that is accepted', () => {
  test('may hold comments, line ends of any system, and whatever letters can be seen', () => {
    const text = `// Späte Änderungen\r\n${forbid('context.grant.reason like "*Änderung*"')}\r\n`;
    expect(engine.check(text, [CATALOG])).toEqual([]);
  });

  test.each<[string, string]>([
    ['as many policies as one text holds', forbid('context.hour > 3').repeat(64)],
    ['a sum nested as deep as can be', forbid(`1${'+1'.repeat(97)} > context.hour`)],
    ['an @id of one letter', `@id("x") ${forbid('context.hour > 3')}`],
    ['as long an @id as there is', `@id("${'x'.repeat(80)}") ${forbid('context.hour > 3')}`],
    ['tabs, and a line without an end', `\t${forbid('context.hour\t> 3')}`],
  ])('may hold %s', (_, text) => {
    expect(engine.check(text, [CATALOG])).toEqual([]);
  });

  test('tells its policies and what they name', () => {
    const text = `@id("late") ${forbid('context.hour > 20')}
      forbid (principal == Agent::"etl", action, resource in Environment::"live")
      unless { resource.connection == Connection::"main" || principal == Agent::"ci" ||
        resource == Resource::"a" || principal == Agent::"etl" };`;
    expect(engine.policiesIn(text).map(({ name, mentions }) => ({ name, mentions }))).toEqual([
      { name: 'late', mentions: [] },
      {
        name: '#2',
        mentions: [
          { type: 'Agent', name: 'ci' },
          { type: 'Agent', name: 'etl' },
          { type: 'Connection', name: 'main' },
          { type: 'Environment', name: 'live' },
        ],
      },
    ]);
    expect(engine.policiesIn('no Cedar')).toEqual([]);
    expect(engine.policiesIn(nested('(', ')', 4_000))).toEqual([]);
  });
});

describe('the schema', () => {
  const cedar = loadCedar();
  const state = authority([READ]);
  const grant = state.grants.get('grant-0');
  if (grant === undefined) throw new Error('there is one');

  test.each<[string, Partial<(typeof grant)['body']>, string]>([
    ['a plain grant', {}, 'a'],
    ['part of a resource', {}, 'a(x)'],
    [
      'a grant with a ticket, a limit and SQL',
      { reason: 'OPS-12', max_uses: 3, sql: 'select 1' },
      'a',
    ],
  ])('is what a request is: %s', (_, body, resource) => {
    const request = requestOf({
      agent: { name: 'ci', auth: { method: 'client_secret', secret_hash: '' } },
      connection: { name: 'main', provider: 'db' },
      environment: { name: 'live', class: 'production' },
      right: { operation: 'db:select', resource, grant: grant.id, effect: 'read' },
      whole: 'a',
      providerIds: ['prod-1'],
      grant: { ...grant, body: { ...grant.body, ...body } },
      uses: 2,
      senderBound: false,
      rights: 1,
      at: NOW,
    });
    cedar.preparseSchema('schema', guardrailSchema([CATALOG]));
    cedar.preparsePolicySet('all', { staticPolicies: 'permit (principal, action, resource);' });
    const answer = cedar.statefulIsAuthorized({
      ...request,
      preparsedPolicySetId: 'all',
      preparsedSchemaName: 'schema',
      validateRequest: true,
    });
    expect(answer).toMatchObject({ type: 'success', response: { decision: 'allow' } });
  });

  test.each([
    ['OPS-123: clean up', 'OPS-123'],
    ['clean up (see #42)', '#42'],
    ['as agreed in ABC-7 and ABC-8', 'ABC-7'],
    ['no ticket', undefined],
    ['xOPS-123', undefined],
    ['OPS-123a', undefined],
    ['OPS-0', undefined],
    ['UTF-8 is a ticket to a machine', 'UTF-8'],
  ])('takes the ticket of “%s” for %s', (reason, ticket) => {
    const { context } = requestOf({
      agent: { name: 'ci', auth: { method: 'client_secret', secret_hash: '' } },
      connection: { name: 'main', provider: 'db' },
      environment: { name: 'live', class: 'production' },
      right: { operation: 'db:select', resource: 'a', grant: grant.id, effect: 'read' },
      whole: 'a',
      providerIds: [],
      grant: { ...grant, body: { ...grant.body, reason } },
      uses: 0,
      senderBound: false,
      rights: 1,
      at: NOW,
    });
    expect(context).toMatchObject({ grant: { reason } });
    expect(Object.hasOwn(Object(context['grant']), 'ticket')).toBe(ticket !== undefined);
    expect(Object.getOwnPropertyDescriptor(context['grant'], 'ticket')?.value).toBe(ticket);
  });
});
