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
  test.each<[string, string, number | null, RegExp]>([
    ['nothing', '', null, /no policy/],
    ['only a comment', '// nothing yet', null, /no policy/],
    ['no Cedar', 'never delete', 1, /unexpected token/],
    ['a permit', 'permit (principal, action, resource);', null, /#1 is a permit.*write forbid/],
    [
      'a permit behind a forbid',
      `${forbid('context.hour > 3')}\npermit (principal, action, resource);`,
      null,
      /#2 is a permit/,
    ],
    ['a template', 'forbid (principal == ?principal, action, resource);', null, /template/],
    [
      'two policies of one name',
      `@id("a") ${forbid('context.hour > 3')} @id("a") ${forbid('context.hour > 4')}`,
      null,
      /called a/,
    ],
    ['an empty @id', `@id("") ${forbid('context.hour > 3')}`, null, /@id/],
    ['an attribute that is not there', forbid('resource.colour == "red"'), 1, /colour.*not found/],
    [
      'an attribute that is nearly there',
      `// first\n${forbid('context.hours > 3')}`,
      2,
      /did you mean `hour`\?$/,
    ],
    [
      'an optional attribute taken for granted',
      forbid('context.grant.ticket == "A-1"'),
      1,
      /has ticket/,
    ],
    [
      'an operation of no catalog',
      'forbid (principal, action == Action::"db:dorp", resource);',
      1,
      /unrecognized action/,
    ],
    [
      'an effect that is none',
      forbid('context.effect == Effect::"destroy"'),
      1,
      /valid entity eids: "read"/,
    ],
    ['two types compared', forbid('context.hour == "noon"'), 1, /not compatible/],
    [
      'another kind of principal',
      'forbid (principal is User, action, resource);',
      1,
      /unrecognized entity type/,
    ],
    ['what can never be', forbid('false'), 1, /impossible/],
    ['letters that look like others', forbid('resource.id == "pаypal"'), 1, /mixed scripts/],
    ['letters nobody sees', `// é\n${forbid('resource.id like "*\u202e*"')}`, 2, /U\+202E/],
    ['brackets without end', nested('(', ')', 4_000), null, /to its end/],
    ['more negations than can be evaluated', nested('!(', ')', 130), null, /too deeply/],
    ['a sum without end', forbid(`1${'+1'.repeat(500)} > context.hour`), null, /too deeply/],
    [
      'more policies than one text holds',
      forbid('context.hour > 3').repeat(65),
      null,
      /65 policies/,
    ],
  ])('%s', (_, text, line, words) => {
    const [complaint] = engine.check(text, [CATALOG]);
    expect(complaint?.text).toMatch(words);
    expect(complaint?.line).toBe(line);
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

  test('tells its policies and what they name', () => {
    const text = `@id("late") ${forbid('context.hour > 20')}
      forbid (principal == Agent::"ci", action, resource in Environment::"live")
      unless { resource.connection == Connection::"main" };`;
    expect(engine.policiesIn(text)).toMatchObject([
      { name: 'late', mentions: [] },
      {
        name: '#2',
        mentions: [
          { type: 'Agent', name: 'ci' },
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
    expect(Object.getOwnPropertyDescriptor(context['grant'], 'ticket')?.value).toBe(ticket);
  });
});
