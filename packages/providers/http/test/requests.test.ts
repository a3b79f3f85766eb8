/** What a request of a described API is, and what is refused because it could be two. */
import { RequestRefusal } from '@countersign/provider-kit';
import { describe, expect, test } from 'vitest';
import { judgeRequest } from '../src/classify.ts';
import { compile } from '../src/description/index.ts';
import { inbound, tasksDescription } from './support/tasks.ts';

const BASE = 'https://api.tasks.example';
const compiled = compile(tasksDescription(BASE));

function judged(...request: Parameters<typeof inbound>) {
  return judgeRequest(compiled, BASE, inbound(...request));
}

function refusalOf(...request: Parameters<typeof inbound>): RequestRefusal {
  try {
    judged(...request);
  } catch (error) {
    if (error instanceof RequestRefusal) return error;
    throw error;
  }
  throw new Error(`${request[0]} was understood`);
}

const calls = (...request: Parameters<typeof inbound>) =>
  judged(...request).calls.map(({ operation, resource }) => `${operation} ${resource}`);

describe('a request is the operation of its method and path', () => {
  test.each([
    ['GET /v1/tasks/1', ['tasks:tasks/get task/1']],
    ['GET /v1/projects/alpha/tasks?page=2&state=open', ['tasks:tasks/list project/alpha']],
    ['GET /v1/projects/alpha/tasks?label[]=a&label[]=b', ['tasks:tasks/list project/alpha']],
    ['DELETE /v1/tasks/done', ['tasks:tasks/purge tasks/done']],
    ['GET /v1/projects/a/files/x/y%20z.txt', ['tasks:files/get file/a/x/y%20z.txt']],
    ['GET /v1/projects/a%40b/tasks', ['tasks:tasks/list project/a@b']],
  ])('%s', (request, expected) => {
    expect(calls(request)).toEqual(expected);
  });
});

describe('a value that makes it do more makes it another operation too', () => {
  const update = 'tasks:tasks/update task/1';
  const archive = 'tasks:tasks/update.archive task/1';
  const close = 'tasks:tasks/update.close task/1';
  test.each([
    [{}, [update]],
    [{ title: 'x' }, [update]],
    [{ archived: false }, [update]],
    [{ archived: true }, [update, archive]],
    // A lenient server takes these for true.
    [{ archived: 'true' }, [update, archive]],
    [{ archived: 'false' }, [update, archive]],
    [{ archived: 1 }, [update, archive]],
    [{ archived: null }, [update, archive]],
    [{ archived: [true] }, [update, archive]],
    [{ state: 'open' }, [update]],
    [{ state: 'Open' }, [update, close]],
    [{ state: 'closed' }, [update, close]],
    [{ state: null }, [update, close]],
    [{ state: ['open'] }, [update, close]],
    [{ project: 'beta' }, [update, 'tasks:tasks/move task/1']],
  ])('%j', (body, expected) => {
    expect(calls('PATCH /v1/tasks/1', body)).toEqual(expected);
  });

  test('also where a lenient server would find the value, and nobody else', () => {
    const open = compile({
      ...tasksDescription(BASE),
      operations: [
        {
          name: 'merge',
          request: 'POST /merge',
          effect: 'delete',
          summary: 'Merge.',
          resource: 'it',
          place: null,
          query: 'any',
          body: { type: 'json', keys: 'any' },
          when: [
            {
              name: 'force',
              effect: 'escalate',
              summary: 'Force.',
              at: '{body:/how/force}',
              unless: [false],
            },
            {
              name: 'admin',
              effect: 'escalate',
              summary: 'Admin.',
              at: '{query:admin}',
              present: true,
            },
          ],
        },
      ],
    });
    const of = (target: string, body: unknown) =>
      judgeRequest(open, BASE, inbound(`POST ${target}`, body)).calls.map(
        ({ operation }) => operation,
      );
    for (const body of [{}, { how: null }, { how: [] }, { how: {} }, { how: { force: false } }]) {
      expect(of('/merge', body)).toEqual(['tasks:merge']);
    }
    for (const body of [
      { how: { Force: true } },
      { HOW: { force: 'false?' } },
      { how: { 'force[]': 1 } },
      { how: '{"force":true}' },
      { how: ['force'] },
      { how: true },
    ]) {
      expect(of('/merge', body)).toEqual(['tasks:merge', 'tasks:force']);
    }
    for (const target of ['/merge?Admin=1', '/merge?admin[]=1', '/merge?admin[a]=1']) {
      expect(of(target, {})).toEqual(['tasks:merge', 'tasks:admin']);
    }
  });

  test('each thing that a list names is a call of its own', () => {
    expect(calls('POST /v1/projects/delete', { ids: ['a', 'b', 3] })).toEqual([
      'tasks:projects/delete-many project/a',
      'tasks:projects/delete-many project/b',
      'tasks:projects/delete-many project/3',
    ]);
    for (const ids of [[], [''], [null], [{}], Array.from({ length: 65 }, (_, at) => at)]) {
      expect(refusalOf('POST /v1/projects/delete', { ids }).code).toBe('ambiguous_request');
    }
  });
});

describe('what could be read in two ways is refused', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const label = 'POST /v1/projects/alpha/labels';
  test.each<[string, Parameters<typeof inbound>, RequestRefusal['code']]>([
    ['a slash at the end', ['GET /v1/tasks/1/'], 'ambiguous_request'],
    ['two slashes', ['GET /v1//tasks/1'], 'ambiguous_request'],
    ['dot segments', ['GET /v1/projects/../tasks/1'], 'ambiguous_request'],
    ['an encoded dot segment', ['GET /v1/projects/%2e%2e/tasks'], 'ambiguous_request'],
    ['an encoded slash', ['GET /v1/projects/a%2Fb/tasks'], 'ambiguous_request'],
    ['a backslash', ['GET /v1/projects/a%5Cb/tasks'], 'ambiguous_request'],
    ['an encoding within an encoding', ['GET /v1/projects/a%252Fb/tasks'], 'ambiguous_request'],
    ['an encoding of what needs none', ['GET /v1/projects/%61lpha/tasks'], 'ambiguous_request'],
    ['a literal that is encoded', ['GET /v1/t%61sks/1'], 'ambiguous_request'],
    ['matrix parameters', ['GET /v1/tasks/1;v=2'], 'ambiguous_request'],
    ['matrix parameters, encoded', ['GET /v1/projects/a%3Bb/tasks'], 'ambiguous_request'],
    ['a null', ['GET /v1/projects/a%00/tasks'], 'ambiguous_request'],
    ['an escape that is no text', ['GET /v1/projects/%ff/tasks'], 'ambiguous_request'],
    ['another letter case', ['DELETE /v1/Tasks/done'], 'unknown_operation'],
    ['a number with a sign', ['GET /v1/tasks/+1'], 'unknown_operation'],
    ['an extension', ['GET /v1/tasks/1.json'], 'unknown_operation'],
    ['a parameter twice', ['GET /v1/projects/a/tasks?state=a&state=b'], 'ambiguous_request'],
    ['in two forms', ['GET /v1/projects/a/tasks?label[]=a&label[x]=b'], 'ambiguous_request'],
    ['encoded, a second time', ['GET /v1/projects/a/tasks?page=1&p%61ge=2'], 'ambiguous_request'],
    ['another separator', ['GET /v1/projects/a/tasks?page=1;state=b'], 'unparseable_request'],
    ['a method in the query', ['GET /v1/projects/a/tasks?_method=DELETE'], 'ambiguous_request'],
    ['a method in the body', ['PATCH /v1/tasks/1', { _method: 'DELETE' }], 'ambiguous_request'],
    ['a method in a form', [label, '_method=DELETE', form], 'ambiguous_request'],
    ['a parameter nobody knows', ['GET /v1/tasks/1?force=1'], 'unknown_operation'],
    ['a member nobody knows', ['PATCH /v1/tasks/1', { owner: 'x' }], 'unknown_operation'],
    [
      'a member twice',
      ['PATCH /v1/tasks/1', '{"state":"open","state":"x"}'],
      'unparseable_request',
    ],
    [
      'twice, escaped',
      ['PATCH /v1/tasks/1', '{"state":"open","\\u0073tate":"x"}'],
      'unparseable_request',
    ],
    [
      'a list where an object is meant',
      ['PATCH /v1/tasks/1', [{ state: 'open' }]],
      'unparseable_request',
    ],
    ['a body where none is meant', ['DELETE /v1/tasks/1', {}], 'unparseable_request'],
    ['another type', ['PATCH /v1/tasks/1', 'state=closed', form], 'unparseable_request'],
    [
      'a type that is text',
      ['PATCH /v1/tasks/1', {}, { 'content-type': 'text/plain' }],
      'unparseable_request',
    ],
    [
      'UTF-7',
      ['PATCH /v1/tasks/1', {}, { 'content-type': 'application/json; charset=utf-7' }],
      'unparseable_request',
    ],
    ['a field of a form twice', [label, 'name=a&name=b', form], 'ambiguous_request'],
    ['a method nobody knows', ['TRACE /v1/tasks/1'], 'unknown_operation'],
    ['a method in small letters', ['delete /v1/tasks/1'], 'unparseable_request'],
    ['HEAD, which is not described', ['HEAD /v1/tasks/1'], 'unknown_operation'],
    ['another path', ['GET /v2/tasks/1'], 'unknown_operation'],
    ['a whole URL', ['GET http://elsewhere.example/v1/tasks/1'], 'ambiguous_request'],
  ])('%s', (_name, request, code) => {
    expect(refusalOf(...request).code).toBe(code);
  });

  test('a path that an upstream could take for another operation', () => {
    const wide = compile({
      ...tasksDescription(BASE),
      operations: [
        ...tasksDescription(BASE).operations,
        {
          name: 'tasks/by-name',
          request: 'DELETE /v1/tasks/{name}',
          effect: 'delete',
          summary: 'Delete by name.',
          resource: 'task/{name}',
          place: null,
        },
      ],
    });
    const of = (path: string) => () => judgeRequest(wide, BASE, inbound(`DELETE ${path}`));
    for (const path of ['/v1/tasks/done', '/v1/tasks/1', '/v1/tasks/DONE', '/v1/tasks/1e3']) {
      expect(of(path), path).toThrow(/could be taken for|no operation/i);
    }
    expect(of('/v1/tasks/other')().calls).toEqual([
      { operation: 'tasks:tasks/by-name', resource: 'task/other' },
    ]);
  });
});

describe('what is sent is made from what was judged', () => {
  test.each<[string, Parameters<typeof inbound>, string, string | null]>([
    ['a path', ['GET /v1/projects/a%40b/tasks'], '/v1/projects/a@b/tasks', null],
    [
      'a query',
      ['GET /v1/projects/a/tasks?state=a+b&page'],
      '/v1/projects/a/tasks?state=a%20b&page=',
      null,
    ],
    [
      'a body',
      ['PATCH /v1/tasks/1', '{ "state" : "op\\u0065n" }'],
      '/v1/tasks/1',
      '{"state":"open"}',
    ],
    [
      'a form',
      [
        'POST /v1/projects/a/labels',
        'name=a+b&meta[x]=%41',
        { 'content-type': 'application/x-www-form-urlencoded' },
      ],
      '/v1/projects/a/labels',
      'name=a%20b&meta%5Bx%5D=A',
    ],
  ])('%s', (_name, request, target, body) => {
    const { outbound } = judged(...request);
    expect(outbound.url.origin).toBe(BASE);
    expect(`${outbound.url.pathname}${outbound.url.search}`).toBe(target);
    expect(outbound.body === null ? null : Buffer.from(outbound.body).toString()).toBe(body);
  });

  test('no header of the agent but the type of its body and an answer it may have', () => {
    const { headers } = judged(
      'PATCH /v1/tasks/1',
      {},
      { accept: 'text/html', 'user-agent': 'x' },
    ).outbound;
    expect(headers).toEqual({
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'countersign',
    });
  });

  test('secrets of an answer are taken out of it, and an answer that is no JSON is not shown', () => {
    const { conceal } = judged('GET /v1/tasks/1');
    const shown = conceal?.(Buffer.from('{"title":"a","webhook":{"secret":"s","url":"u"}}'));
    expect(JSON.parse(Buffer.from(shown ?? []).toString())).toEqual({
      title: 'a',
      webhook: { secret: '[redacted]', url: 'u' },
    });
    expect(() => conceal?.(Buffer.from('secret=s'))).toThrow(/not JSON/);
  });
});

describe('an unknown request is told what is near it', () => {
  test.each([
    ['POST /v1/tasks/1', /This path knows tasks:tasks\/get \(GET [^)]+\), tasks:tasks\/update/],
    ['GET /v1/task/1', /Nearest: tasks:/],
    ['DELETE /v1/projects/alpha/label', /Nearest: tasks:/],
    ['GET /nothing/like/it', /asked for so\. $/],
  ])('%s', (request, expected) => {
    const { code, message } = refusalOf(request);
    expect(code).toBe('unknown_operation');
    expect(message).toMatch(expected);
    expect(message.length).toBeLessThan(900);
  });
});
