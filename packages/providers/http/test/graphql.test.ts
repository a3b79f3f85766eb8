/** GraphQL by a description: every root field, its arguments and what is selected of it, or nothing is forwarded. */
import { AnswerCache, ProviderError, RequestRefusal } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { classify, judgeRequest } from '../src/classify.ts';
import { compile, importGraphql, lint, tryExamples } from '../src/description/index.ts';
import { inbound } from './support/tasks.ts';

const BASE = 'https://api.issues.example';
const ASKED = 'query($id:ID!){issue(id:$id){team{id}}}';

const description = {
  version: 1,
  name: 'issues',
  title: 'Issues',
  base: BASE,
  credential: { header: 'authorization' },
  graphql: { path: '/graphql' },
  places: {
    issue: {
      ask: { query: ASKED, variables: { id: '{arg:/id}' } },
      id: 'team/{answer:/data/issue/team/id}',
    },
    team: { id: 'team/{arg:/input/teamId}' },
  },
  operations: [
    {
      name: 'issue',
      request: 'QUERY issue',
      effect: 'read',
      summary: 'One issue.',
      arguments: ['id'],
      selects: ['id', 'title', 'state', 'state.name', 'hook', 'hook.secret'],
      redact: ['/data/issue/hook/secret'],
      resource: 'issue/{arg:/id}',
      place: 'issue',
    },
    {
      name: 'issueCreate',
      request: 'MUTATION issueCreate',
      effect: 'write',
      summary: 'Create an issue.',
      reason: 'nothing is replaced',
      arguments: ['input.teamId', 'input.title', 'input.labels', 'input.meta.*'],
      selects: ['success'],
      resource: 'team/{arg:/input/teamId}',
      place: 'team',
    },
    {
      name: 'issueUpdate',
      request: 'MUTATION issueUpdate',
      effect: 'write',
      summary: 'Change an issue.',
      reason: 'what trashes it is an operation of its own',
      arguments: ['id', 'input.title', 'input.trashed'],
      selects: ['success'],
      resource: 'issue/{arg:/id}',
      place: 'issue',
      when: [
        {
          name: 'issueUpdate.trash',
          effect: 'delete',
          summary: 'Trash an issue.',
          at: '{arg:/input/trashed}',
          unless: [false],
        },
      ],
    },
    {
      name: 'issueDelete',
      request: 'MUTATION issueDelete',
      effect: 'delete',
      summary: 'Delete an issue.',
      arguments: ['id'],
      selects: ['success'],
      resource: 'issue/{arg:/id}',
      place: 'issue',
    },
  ],
  examples: [
    {
      request: 'POST /graphql',
      body: { query: 'mutation { issueDelete(id: "i1") { success } }' },
      answers: { issue: { data: { issue: { team: { id: 't1' } } } } },
      expect: { operations: ['issueDelete'], resources: ['issue/i1'], environment: ['team/t1'] },
    },
  ],
};

const compiled = compile(description);

const judged = (query: string, variables?: object, more: object = {}) =>
  judgeRequest(
    compiled,
    BASE,
    inbound('POST /graphql', { query, ...(variables === undefined ? {} : { variables }), ...more }),
  );

const calls = (...asked: Parameters<typeof judged>) =>
  judged(...asked).calls.map(({ operation, resource }) => `${operation} ${resource}`);

describe('a GraphQL request is the union of its root fields', () => {
  const trash = ['issues:issueUpdate issue/a', 'issues:issueUpdate.trash issue/a'];
  const update = (value: string) =>
    `mutation { issueUpdate(id: "a", input: {trashed: ${value}}) { success } }`;
  test.each<[string, object | undefined, string[]]>([
    ['{ issue(id: "a") { id title __typename } }', undefined, ['issues:issue issue/a']],
    [
      '{ issue(id: "a") { id } issue(id: "b") { id } }',
      undefined,
      ['issues:issue issue/a', 'issues:issue issue/b'],
    ],
    ['query Q($i: ID!) { issue(id: $i) { id } }', { i: 'v' }, ['issues:issue issue/v']],
    ['query($i: ID = "d") { issue(id: $i) { id } }', undefined, ['issues:issue issue/d']],
    ['query($i: ID = "d") { issue(id: $i) { id } }', { i: 'v' }, ['issues:issue issue/v']],
    [
      'mutation { one: issueDelete(id: "a") { success } two: issueDelete(id: "b") { success } }',
      undefined,
      ['issues:issueDelete issue/a', 'issues:issueDelete issue/b'],
    ],
    [
      'mutation { issueDelete(id: """a""") { success } }',
      undefined,
      ['issues:issueDelete issue/a'],
    ],
    [
      'mutation { issueDelete(id: "\\u0061") { success } }',
      undefined,
      ['issues:issueDelete issue/a'],
    ],
    [update('false'), undefined, ['issues:issueUpdate issue/a']],
    [update('true'), undefined, trash],
    [update('"yes"'), undefined, trash],
    [update('"false"'), undefined, trash],
    [update('null'), undefined, trash],
    [update('[true]'), undefined, trash],
    ['mutation { issueUpdate(id: "a", input: [{trashed: true}]) { success } }', undefined, trash],
    [
      'mutation($t: Boolean = true) { issueUpdate(id: "a", input: {trashed: $t}) { success } }',
      undefined,
      trash,
    ],
    [
      'mutation($in: I!) { issueUpdate(id: "a", input: $in) { success } }',
      { in: { trashed: true } },
      trash,
    ],
    [
      'mutation($in: I!) { issueCreate(input: $in) { success } }',
      { in: { teamId: 't', meta: { a: { b: 1 } }, labels: ['x'] } },
      ['issues:issueCreate team/t'],
    ],
  ])('%s', (query, variables, expected) => {
    expect(calls(query, variables)).toEqual(expected);
  });
});

describe('what the description does not say is refused', () => {
  test.each<[string, string, object | undefined, RequestRefusal['code']]>([
    ['another field', '{ issues { id } }', undefined, 'unknown_operation'],
    [
      'a mutation as a query',
      '{ issueDelete(id: "a") { success } }',
      undefined,
      'unknown_operation',
    ],
    ['introspection', '{ __schema { types { name } } }', undefined, 'unknown_operation'],
    ['nothing', '{ __typename }', undefined, 'unknown_operation'],
    ['another argument', '{ issue(id: "a", force: true) { id } }', undefined, 'unknown_operation'],
    [
      'an argument within one',
      'mutation { issueUpdate(id: "a", input: {owner: "x"}) { success } }',
      undefined,
      'unknown_operation',
    ],
    [
      'one deeper than is listed',
      'mutation { issueUpdate(id: "a", input: {title: {a: 1}}) { success } }',
      undefined,
      'unknown_operation',
    ],
    ['another selection', '{ issue(id: "a") { team { id } } }', undefined, 'unknown_operation'],
    [
      'arguments below',
      '{ issue(id: "a") { state(of: 1) { name } } }',
      undefined,
      'unknown_operation',
    ],
    [
      'an alias where something is not shown',
      '{ issue(id: "a") { hook { x: secret } } }',
      undefined,
      'ambiguous_request',
    ],
    ['no id', '{ issue { id } }', undefined, 'ambiguous_request'],
    ['a list for an id', '{ issue(id: ["a", "b"]) { id } }', undefined, 'ambiguous_request'],
    [
      'a fragment',
      'query { issue(id: "a") { ...F } } fragment F on Issue { id }',
      undefined,
      'unparseable_request',
    ],
    [
      'an inline fragment',
      '{ ... on Query { issue(id: "a") { id } } }',
      undefined,
      'unparseable_request',
    ],
    ['a directive', '{ issue(id: "a") @skip(if: true) { id } }', undefined, 'unparseable_request'],
    [
      'a directive on the operation',
      'query @live { issue(id: "a") { id } }',
      undefined,
      'unparseable_request',
    ],
    ['a subscription', 'subscription { issue(id: "a") { id } }', undefined, 'unparseable_request'],
    [
      'two operations',
      'query A { issue(id: "a") { id } } query B { issue(id: "b") { id } }',
      undefined,
      'unparseable_request',
    ],
    ['an argument twice', '{ issue(id: "a", id: "b") { id } }', undefined, 'unparseable_request'],
    [
      'a member twice',
      'mutation { issueUpdate(id: "a", input: {title: "a", title: "b"}) { success } }',
      undefined,
      'unparseable_request',
    ],
    [
      'a variable without a value',
      'query($i: ID) { issue(id: $i) { id } }',
      {},
      'unparseable_request',
    ],
    [
      'a variable that is not declared',
      '{ issue(id: $i) { id } }',
      undefined,
      'unparseable_request',
    ],
    ['a variable too many', '{ issue(id: "a") { id } }', { x: 1 }, 'unparseable_request'],
    ['a schema', 'type A { b: Int }', undefined, 'unparseable_request'],
    ['no GraphQL', '{', undefined, 'unparseable_request'],
  ])('%s', (_name, query, variables, code) => {
    let refusal: unknown;
    try {
      judged(query, variables);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(RequestRefusal);
    expect(refusal).toMatchObject({ code });
  });

  test.each<[string, Parameters<typeof inbound>]>([
    ['GET', ['GET /graphql?query=%7B__typename%7D']],
    ['a query string', ['POST /graphql?a=1', { query: '{ issue(id: "a") { id } }' }]],
    ['a batch', ['POST /graphql', [{ query: '{ issue(id: "a") { id } }' }]]],
    [
      'another type',
      ['POST /graphql', '{ __typename }', { 'content-type': 'application/graphql' }],
    ],
    ['a persisted query', ['POST /graphql', { extensions: { persistedQuery: {} } }]],
    [
      'another name',
      ['POST /graphql', { query: 'query A { issue(id: "a") { id } }', operationName: 'B' }],
    ],
    ['a mark before it', ['POST /graphql', '\ufeff{"query":"{ issue(id: \\"a\\") { id } }"}']],
  ])('by %s', (_name, request) => {
    expect(() => judgeRequest(compiled, BASE, inbound(...request))).toThrow(RequestRefusal);
  });

  test('and what is near it is named', () => {
    expect(() => judged('mutation { issueRemove(id: "a") { success } }')).toThrow(
      /Nearest: issues:issueCreate, issues:issueUpdate, /,
    );
  });
});

describe('what is sent and asked', () => {
  test('is printed from what was judged', () => {
    const { outbound } = judged('query Q($i: ID!) { issue(id: $i)  { id,,, title } } # later', {
      i: 'v',
    });
    expect(outbound.url.href).toBe(`${BASE}/graphql`);
    expect(JSON.parse(Buffer.from(outbound.body ?? []).toString())).toEqual({
      query: 'query Q($i: ID!) {\n  issue(id: $i) {\n    id\n    title\n  }\n}',
      variables: { i: 'v' },
      operationName: 'Q',
    });
  });

  test('every root field proves where it leads, by an answer of the API', async () => {
    const asked: unknown[] = [];
    const teams: Record<string, string> = { a: 't1', b: 't2' };
    const query =
      'mutation { one: issueDelete(id: "a") { success } two: issueDelete(id: "b") { success } }';
    const classified = classify(compiled, inbound('POST /graphql', { query }), {
      origin: BASE,
      scope: '',
      cache: new AnswerCache({ now: () => 0 }),
      ask: async (question) => {
        asked.push(question);
        const id =
          typeof question === 'string' ? '' : JSON.parse(JSON.stringify(question.variables)).id;
        return { data: { issue: { team: { id: teams[id] } } } };
      },
    });
    const ask = { fresh: true, spend: () => new AbortController().signal };
    expect((await classified.resolve(ask)).environments).toEqual(['team/t1', 'team/t2']);
    expect(asked).toEqual(
      ['a', 'b'].map((id) => ({ place: 'issue', query: ASKED, variables: { id } })),
    );
    delete teams['b'];
    await expect(classified.resolve(ask)).rejects.toMatchObject({ code: 'environment_unproven' });
    const silent = classify(compiled, inbound('POST /graphql', { query }), {
      ...{ origin: BASE, scope: '', cache: new AnswerCache({ now: () => 0 }) },
      ask: async () => Promise.reject(new ProviderError('unavailable', 'Nobody answers.')),
    });
    await expect(silent.resolve(ask)).rejects.toBeInstanceOf(ProviderError);
  });

  test('its examples are as expected, and nothing is left to look at', async () => {
    expect((await tryExamples(compiled, description.examples as never)).every(({ ok }) => ok)).toBe(
      true,
    );
    expect(lint(compiled)).toEqual([]);
  });
});

describe('a schema', () => {
  const SDL = `
    type Query { issue(id: ID!): Issue  viewer: User  apiKeys: [Key!]! }
    type Mutation {
      issueDelete(id: ID!): Payload!
      issueUpdate(id: ID!, input: Update!): Payload!
      issueImport(input: Deep!): Payload!
    }
    type Subscription { issueChanged: Issue }
    type Issue { id: ID! title: String team: Team comments(first: Int): [String!] }
    type Team { id: ID! }
    type User { id: ID! }
    type Key { id: ID! label: String }
    type Payload { success: Boolean! issue: Issue }
    input Update { title: String sub: Sub }
    input Sub { a: Int }
    input Deep { one: Two }
    input Two { three: Three }
    input Three { four: Int }
  `;

  test('is drafted field by field, with the worst where nothing is said', () => {
    const { description: drafted, skipped } = importGraphql(SDL, {
      name: 'issues',
      base: 'https://api.issues.example/graphql',
    });
    expect(compile(drafted).roots.size).toBe(6);
    expect(
      drafted.operations.map(({ name, effect, arguments: args, selects, resource }) => ({
        name,
        effect,
        args,
        selects,
        resource,
      })),
    ).toEqual([
      {
        name: 'issue',
        effect: 'read',
        args: ['id'],
        selects: ['id', 'title'],
        resource: 'issue/{arg:/id}',
      },
      { name: 'viewer', effect: 'read', args: undefined, selects: ['id'], resource: 'viewer' },
      {
        name: 'apiKeys',
        effect: 'reveal',
        args: undefined,
        selects: ['id', 'label'],
        resource: 'apiKeys',
      },
      {
        name: 'issueDelete',
        effect: 'delete',
        args: ['id'],
        selects: ['success'],
        resource: 'issueDelete/{arg:/id}',
      },
      {
        name: 'issueUpdate',
        effect: 'write',
        args: ['id', 'input.title', 'input.sub.a'],
        selects: ['success'],
        resource: 'issueUpdate/{arg:/id}',
      },
      {
        name: 'issueImport',
        effect: 'delete',
        args: ['input.one.three.*'],
        selects: ['success'],
        resource: 'issueImport',
      },
    ]);
    expect(skipped).toEqual([
      { request: 'SUBSCRIPTION issueChanged', reason: 'subscriptions are not forwarded' },
    ]);
  });

  test.each<[string, unknown, string | null]>([
    ['that is none', 'type {', 'https://a.example'],
    ['without a place', SDL, null],
    ['of something else', { data: {} }, 'https://a.example'],
  ])('%s is refused', (_name, schema, base) => {
    expect(() => importGraphql(schema, { name: 'x', base })).toThrow();
  });
});

describe('a description of GraphQL', () => {
  const { graphql: _, ...withoutGraphql } = description;
  const changed = (change: object) => ({
    ...description,
    operations: [{ ...description.operations[0], ...change }],
  });
  test.each<[string, object, RegExp]>([
    ['no place to send it to', withoutGraphql, /say in graphql/],
    ['parameters in its path', { ...description, graphql: { path: '/{a}' } }, /without parameters/],
    [
      'a field twice',
      {
        ...description,
        operations: [description.operations[0], { ...description.operations[0], name: 'x' }],
      },
      /there twice/,
    ],
    ['a body', changed({ body: { type: 'json', keys: [] } }), /of GraphQL/],
    ['a path for a field', changed({ request: 'QUERY /issue' }), /METHOD|of GraphQL/],
    [
      'arguments of a path',
      {
        ...description,
        operations: [
          ...description.operations,
          {
            ...description.operations[0],
            name: 'x',
            request: 'GET /x',
            resource: 'x',
            place: null,
          },
        ],
      },
      /of GraphQL/,
    ],
    [
      'an operation where GraphQL is',
      {
        ...description,
        operations: [
          ...description.operations,
          {
            name: 'x',
            request: 'POST /graphql',
            effect: 'delete',
            summary: 's',
            resource: 'x',
            place: null,
          },
        ],
      },
      /where GraphQL is/,
    ],
    [
      'a variable from nowhere',
      {
        ...description,
        places: {
          ...description.places,
          issue: { ask: { query: ASKED, variables: { id: 'a' } }, id: 'team/{answer:/x}' },
        },
      },
      /nor a query/,
    ],
  ])('is refused with %s', (_name, document, words) => {
    expect(() => compile(document)).toThrow(words);
  });
});
