/**
 * Attacks on what a request is taken to concern: it says one thing to the broker and another to the API, or the
 * broker asks about another object than the one that is acted on. Each reaches nothing that was not judged.
 */
import { AnswerCache, RequestRefusal } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { judgeRequest } from '../src/classify.ts';
import { compile, DescriptionError, importOpenApi, lint } from '../src/description/index.ts';
import { resolvePlaces } from '../src/resolve.ts';
import { inbound } from './support/tasks.ts';

const BASE = 'https://api.tasks.example';

type Operation = Readonly<Record<string, unknown>>;

const operation = (more: Operation): Operation => ({
  name: 'it',
  effect: 'write',
  summary: 'It.',
  resource: 'it',
  place: null,
  ...more,
});

const described = (operations: readonly Operation[], more: object = {}) => ({
  version: 1,
  name: 'tasks',
  title: 'Tasks',
  base: BASE,
  credential: { header: 'authorization' },
  places: {},
  operations,
  ...more,
});

/** Where a request leads; `asked` holds what the API was asked first. */
async function placesOf(
  description: object,
  request: Parameters<typeof inbound>,
  answers: Readonly<Record<string, unknown>> = {},
  asked: unknown[] = [],
): Promise<readonly string[]> {
  return await resolvePlaces(
    judgeRequest(compile(description), BASE, inbound(...request)),
    {
      origin: BASE,
      ask: async (question) => {
        asked.push(question);
        return answers[typeof question === 'string' ? question : question.place] ?? null;
      },
      cache: new AnswerCache({ now: () => 0 }),
      scope: '',
    },
    { fresh: true, spend: () => new AbortController().signal },
  );
}

const problemsOf = (description: object): string => {
  try {
    compile(description);
  } catch (error) {
    if (error instanceof DescriptionError) return error.message;
    throw error;
  }
  return '';
};

describe('an environment that is read out of a body is all that the body says', () => {
  const api = described(
    [
      operation({
        request: 'POST /runs',
        place: ['project', 'each', 'deep'],
        body: { type: 'json', keys: 'any', list: true },
      }),
    ],
    {
      places: {
        project: { id: 'project/{body:/project}' },
        each: { id: 'project/{body:/targets/*/id}' },
        deep: { id: 'project/{body:/in/id}' },
      },
    },
  );
  const good = { project: 'staging', targets: [{ id: 'staging' }], in: { id: 'staging' } };

  test('as long as it says it once', async () => {
    expect(await placesOf(api, ['POST /runs', good])).toEqual(['project/staging']);
    expect(await placesOf(api, ['POST /runs', [good, { ...good, project: 'other' }]])).toEqual([
      'project/other',
      'project/staging',
    ]);
  });

  test.each<[string, unknown]>([
    ['a name in another letter case, which lenient servers take', { ...good, Project: 'prod' }],
    ['a letter that folds to one of it', { ...good, ['target\u017f']: [{ id: 'prod' }] }],
    ['its words joined otherwise', { ...good, in: { id: 'staging', i_d: 'prod' } }],
    ['a space before it', { ...good, ' project': 'prod' }],
    ['the same further down', { ...good, in: { id: 'staging', ID: 'prod' } }],
    ['a name with brackets', { ...good, 'project[]': 'prod' }],
    ['a list for the one', { ...good, in: [{ id: 'staging' }] }],
    ['a list of lists', { ...good, targets: [[{ id: 'prod' }], { id: 'staging' }] }],
    ['one of several that does not say it', { ...good, targets: [{ id: 'staging' }, {}] }],
    ['one that is no object', { ...good, targets: [{ id: 'staging' }, 'prod'] }],
    ['one of several bodies', [good, { targets: good.targets, in: good.in }]],
    ['one with nothing in its list', [good, { ...good, targets: [] }]],
  ])('is not proven by %s', async (_name, body) => {
    await expect(placesOf(api, ['POST /runs', body])).rejects.toThrow(RequestRefusal);
  });

  test('nor is what it would be done to', () => {
    const many = compile(
      described([
        operation({
          request: 'POST /runs',
          resource: 'run/{body:/ids/*/id}',
          body: { type: 'json', keys: 'any' },
        }),
      ]),
    );
    const judged = (body: unknown) => () => judgeRequest(many, BASE, inbound('POST /runs', body));
    expect(judged({ ids: [{ id: 'a' }] })().calls).toHaveLength(1);
    for (const body of [
      { ids: [{ id: 'a' }, { Id: 'b' }] },
      { ids: [{ id: 'a' }], IDS: [{ id: 'b' }] },
      { ids: [{ id: 'a', ID: 'b' }] },
    ]) {
      expect(judged(body), JSON.stringify(body)).toThrow(/is not said as/);
    }
  });
});

describe('the broker asks about the very object that is acted on', () => {
  const scoped = described(
    [
      operation({
        request: 'DELETE /projects/{name}',
        effect: 'delete',
        place: 'project',
        query: 'any',
      }),
    ],
    {
      places: {
        project: { ask: '/projects/{name}', query: ['team'], id: 'project/{answer:/id}' },
      },
    },
  );

  test.each([
    ['DELETE /projects/shop', '/projects/shop'],
    ['DELETE /projects/shop?team=prod', '/projects/shop?team=prod'],
    ['DELETE /projects/shop?team[]=prod&x=1', '/projects/shop?team%5B%5D=prod'],
    ['DELETE /projects/shop?TEAM=a%26b', '/projects/shop?TEAM=a%26b'],
  ])('%s is asked as %s: a name means another thing in another team', async (request, question) => {
    const asked: unknown[] = [];
    const answers = { [question]: { id: 'p1' } };
    expect(await placesOf(scoped, [request], answers, asked)).toEqual(['project/p1']);
    expect(asked).toEqual([question]);
  });

  test('and what is granted is named with the team in which its name is meant', () => {
    const named = compile(
      described([
        operation({
          request: 'DELETE /projects/{name}',
          effect: 'delete',
          query: ['team'],
          resource: '{query:team?}/{name}',
        }),
      ]),
    );
    const of = (target: string) =>
      judgeRequest(named, BASE, inbound(`DELETE /projects/${target}`)).calls[0]?.resource;
    expect(of('shop')).toBe('-/shop');
    expect(of('shop?team=prod')).toBe('prod/shop');
    expect(of('shop?team=a/b')).toBe('a%2Fb/shop');
    for (const target of ['shop?team=-', 'shop?team=', 'shop?team[]=prod', 'shop?team[a]=prod']) {
      expect(() => of(target), target).toThrow(/is not said as/);
    }
  });

  test('only a place that asks by a path takes parameters along', () => {
    const wrong = (place: object) =>
      problemsOf({ ...scoped, places: { project: { ...place, query: ['team'] } } });
    expect(wrong({ id: 'project/{name}' })).toContain('asked by a path');
  });

  test('a number that a double cannot hold is not asked about as its neighbour', () => {
    const issues = compile(
      described(
        [
          operation({
            request: 'MUTATION issueDelete',
            effect: 'delete',
            arguments: ['id'],
            place: 'issue',
          }),
        ],
        {
          graphql: { path: '/graphql' },
          places: {
            issue: {
              ask: { query: 'query($id:ID!){issue(id:$id){team}}', variables: { id: '{arg:/id}' } },
              id: 'team/{answer:/data/issue/team}',
            },
          },
        },
      ),
    );
    const sent = (query: string) => () =>
      judgeRequest(issues, BASE, inbound('POST /graphql', { query }));
    expect(sent('mutation { issueDelete(id: 9007199254740991) }')().calls).toHaveLength(1);
    for (const id of ['9007199254740993', '-9007199254740993', '1e999']) {
      expect(sent(`mutation { issueDelete(id: ${id}) }`), id).toThrow(/too large/);
      expect(sent(`mutation($i: ID = ${id}) { issueDelete(id: $i) }`), id).toThrow(/too large/);
    }
  });
});

describe('a description that one admin may adopt can only look', () => {
  const asking = (query: string, path = '/graphql') =>
    described([operation({ request: 'MUTATION x', effect: 'delete', place: 'it' })], {
      graphql: { path },
      places: { it: { ask: { query, variables: {} }, id: 'team/{answer:/data/team}' } },
    });

  test.each([
    ['a mutation', 'mutation { deleteEverything { ok } }'],
    ['a mutation beside a query', 'query A { a } mutation B { b }'],
    ['a subscription', 'subscription { a }'],
    ['a fragment', 'query { ...F } fragment F on Query { a }'],
    ['a directive', 'query @live { a }'],
    ['a variable that nothing fills', 'query($id: ID!) { a(id: $id) }'],
    ['what is no GraphQL', 'delete everything'],
  ])('%s is no question of the broker’s', (_name, query) => {
    expect(problemsOf(asking(query))).toContain('places.it.ask');
  });

  test.each(['/graphql', '/api/graphql', '/v1/graphql', '/admin/api/2026-07/graphql.json', '/gql'])(
    'GraphQL is spoken at %s',
    (path) => {
      expect(problemsOf(asking('{ team }', path))).toBe('');
    },
  );

  test.each(['/v1/customers/c1/cancel', '/v1/purge', '/', '/graphqlite'])(
    'GraphQL is not spoken at %s, where a query could be a POST that destroys',
    (path) => {
      expect(problemsOf(asking('{ team }', path))).toContain('graphql.path');
    },
  );

  test('says where it has one place for whatever is destroyed, for those who look it over', () => {
    const everywhere = described(
      [operation({ request: 'DELETE /projects/{project}', effect: 'delete', place: 'here' })],
      { places: { here: { id: 'project/staging' } }, examples: [] },
    );
    expect(lint(compile(everywhere))).toContainEqual({
      kind: 'unproven',
      operation: 'it',
      text: expect.stringContaining('is done in project/staging whatever it concerns'),
    });
  });

  test('where GraphQL is, nothing else is', () => {
    const beside = (request: string) =>
      problemsOf(
        described([operation({ request, place: null })], { graphql: { path: '/graphql' } }),
      );
    for (const request of ['POST /graphql', 'POST /{anything}', 'POST /{all:rest}']) {
      expect(beside(request), request).toContain('is where GraphQL is');
    }
    expect(beside('POST /other')).toBe('');
  });
});

describe('what of an answer is not shown', () => {
  const { conceal } = judgeRequest(
    compile(
      described([
        operation({
          request: 'GET /hooks',
          effect: 'read',
          redact: ['/hooks/secret', '/a~1b/~0c', '/list/*/key', '/list/0/first'],
        }),
      ]),
    ),
    BASE,
    inbound('GET /hooks'),
  );
  const shown = (text: string | Buffer): unknown =>
    JSON.parse(Buffer.from(conceal?.(Buffer.from(text)) ?? []).toString());

  test.each<[string, unknown]>([
    ['one thing', { hooks: { secret: 's3cret' } }],
    ['a list of them, where one was described', { hooks: [{ secret: 's3cret' }] }],
    ['a list of lists', { hooks: [[{ secret: 's3cret' }]] }],
    ['the whole answer in a list', [{ hooks: { secret: 's3cret' } }]],
    ['a name with a slash and a tilde', { 'a/b': { '~c': 's3cret' } }],
    ['members by their names, where elements were described', { list: { x: { key: 's3cret' } } }],
    ['an element by its number', { list: [{ first: 's3cret' }, { key: 's3cret' }] }],
    ['a secret that is an object', { hooks: { secret: { value: ['s3cret'] } } }],
  ])('%s', (_name, answer) => {
    expect(JSON.stringify(shown(JSON.stringify(answer)))).not.toContain('s3cret');
  });

  test('a name twice, of which somebody else would read the first', () => {
    expect(shown('{"hooks":{"secret":"s3cret","secret":null}}')).toEqual({
      hooks: { secret: null },
    });
    expect(shown('{"hooks":{"secret":"s3cret"},"hooks":1}')).toEqual({ hooks: 1 });
    const odd = shown('{"__proto__":{"a":1},"hooks":{"__proto__":2,"secret":"s3cret"}}');
    expect(JSON.stringify(odd)).not.toContain('s3cret');
  });

  test.each([
    ['text', Buffer.from('secret=s3cret')],
    ['two documents', Buffer.from('{"hooks":{"secret":"s3cret"}}\n{"hooks":{"secret":"s3cret"}}')],
    ['what is no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['what is compressed', Buffer.from([0x1f, 0x8b, 8, 0])],
  ])('nothing of an answer that is %s', (_name, answer) => {
    expect(() => conceal?.(answer)).toThrow(/not JSON/);
  });
});

describe('two things never have one name', () => {
  test.each(['{a}{b}', '{a}-{b}', '{a}.{b}', 'x/{a}@{b}', '{a}:{b}', '{a},{b}'])('%s', (text) => {
    const request = 'GET /x/{a}/{b}';
    expect(problemsOf(described([operation({ request, resource: text })]))).toContain('resource');
    expect(
      problemsOf(
        described([operation({ request, place: 'at' })], { places: { at: { id: text } } }),
      ),
    ).toContain('places.at.id');
  });
});

describe('what is done stands beside what it is done to', () => {
  const write = operation({
    name: 'post',
    request: 'POST /v1/topics/{topic}/parts/{part}',
    resource: 'topic/{topic}',
  });
  const purge = operation({
    name: 'purge',
    request: 'POST /v1/topics/{topic}/parts/{part}:purge',
    effect: 'delete',
    resource: 'topic/{topic}/part/{part}',
  });
  const judged = (operations: readonly Operation[], path: string) =>
    judgeRequest(compile(described(operations)), BASE, inbound(`POST ${path}`));

  test('so that it is the operation that the API routes to, or none', () => {
    const path = '/v1/topics/t/parts/p:purge';
    expect(() => judged([write, purge], path)).toThrow(/could be taken for/);
    const { calls, outbound } = judged([write, { ...purge, over: ['post'] }], path);
    expect(calls).toEqual([{ operation: 'tasks:purge', resource: 'topic/t/part/p' }]);
    expect(outbound.url.pathname).toBe(path);
  });

  test.each(['p:Purge', 'p:purge.', 'p%EF%BC%9Apurge', 'p:purge.json'])('also as %s', (part) => {
    const over = { ...purge, over: ['post'] };
    expect(() => judged([write, over], `/v1/topics/t/parts/${part}`)).toThrow(
      /could be taken for|more than one/,
    );
  });

  test('and what is left goes to what it stands beside', () => {
    const over = { ...purge, over: ['post'] };
    for (const part of ['p', 'purge', 'p:open', ':purge']) {
      const { calls } = judged([write, over], `/v1/topics/t/parts/${part}`);
      expect(calls, part).toEqual([{ operation: 'tasks:post', resource: 'topic/t' }]);
    }
  });

  test('an import has it as an operation of its own', () => {
    const { description, skipped } = importOpenApi(
      {
        openapi: '3.0.0',
        servers: [{ url: BASE }],
        paths: {
          '/v1/topics/{topic}': { post: { operationId: 'topics.write' } },
          '/v1/topics/{topic}:purge': { post: { operationId: 'topics.purge' } },
        },
      },
      { name: 'topics', base: null },
    );
    expect(skipped).toEqual([]);
    expect(description.operations).toMatchObject([
      { request: 'POST /v1/topics/{topic}', effect: 'write', resource: 'topics/{topic}' },
      { request: 'POST /v1/topics/{topic}:purge', effect: 'delete', resource: 'topics/{topic}' },
    ]);
    expect(lint(compile(description)).map(({ kind }) => kind)).toContain('ambiguous');
  });
});

describe('a path that an upstream could take for another operation', () => {
  const api = compile(
    described([
      operation({ name: 'act', request: 'POST /tasks/{task}/{action}', resource: '{task}' }),
      operation({ name: 'purge', request: 'POST /tasks/{task:integer}/purge', effect: 'delete' }),
    ]),
  );
  const of = (path: string) => () => judgeRequest(api, BASE, inbound(`POST ${path}`));

  test.each([
    ['an empty extension', '/tasks/1/purge.'],
    ['two extensions', '/tasks/1/purge.json.gz'],
    ['wide letters', '/tasks/1/%EF%BD%90urge'],
    ['a long s', '/tasks/%D9%A1/purge'],
    ['another digit', '/tasks/%EF%BC%91/purge'],
  ])('%s', (_name, path) => {
    expect(of(path)).toThrow(/could be taken for|no operation/i);
  });

  test.each([
    ['a wide slash', '/tasks/a%EF%BC%8Fb/open'],
    ['wide dots', '/tasks/%EF%BC%8E%EF%BC%8E/open'],
    ['a dot leader', '/tasks/%E2%80%A5/open'],
    ['a wide percent sign', '/tasks/%EF%BC%852e/open'],
  ])('a separator to whoever normalises text: %s', (_name, path) => {
    expect(of(path)).toThrow(/more than one reading/);
  });
});
