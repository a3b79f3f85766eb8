/**
 * Every route of the table against every kind of bad input: refused from the closed lists, before any
 * use case hears of it.
 */
import { Problem, type Route, type RouteName, routes } from '@countersign/contract';
import { DENIAL_CODES, INPUT_CODES } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  ALL_ROUTES,
  BODIES,
  bodyText,
  brokerApp,
  objectOf,
  requestTo,
  type Sent,
} from './broker-app.ts';
import { ID } from './fake-use-cases.ts';

const CODES: readonly string[] = [...DENIAL_CODES, ...INPUT_CODES];

async function expectRefusal(request: Request, status: number, code: string): Promise<void> {
  const { app, calls, requests, errors } = brokerApp();
  const response = await app.fetch(request);
  const problem = Problem.parse(await response.json());
  expect({ status: response.status, code: problem.code }).toEqual({ status, code });
  expect(CODES).toContain(problem.code);
  expect(problem.type).toBe(`urn:countersign:problem:${code}`);
  expect(problem.detail).toMatch(/^[^\n]{5,300}\.$/);
  expect(calls).toEqual([]);
  expect(errors).toEqual([]);
  expect(requests).toMatchObject([{ status, code }]);
}

const withBody = ALL_ROUTES.filter(({ route }) => route.body !== undefined);
const withoutBody = ALL_ROUTES.filter(({ route }) => route.body === undefined);
const withJson = withBody.filter(({ route }) => route.body?.type === 'json');
const withQuery = ALL_ROUTES.filter(({ route }) => route.query !== undefined);
const withId = ALL_ROUTES.filter(({ route }) => route.params !== undefined);

function stream(total: number): ReadableStream<Uint8Array> {
  let left = total;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(left, 65_536);
      left -= size;
      if (size > 0) controller.enqueue(new Uint8Array(size).fill(0x61));
      else controller.close();
    },
  });
}

describe('the matrix', () => {
  test('every route that takes a body has a valid one here', () => {
    for (const { name, route } of withBody) {
      expect(route.body?.schema.safeParse(BODIES[name]).success, name).toBe(true);
    }
  });

  for (const { name, route } of withBody) {
    describe(`body of ${name}`, () => {
      const beyond = String((route.body?.longest ?? 98_304) + 1);
      const cases: [string, Sent, number, string][] = [
        ['no body', { body: '' }, 400, 'invalid_request'],
        ['10 MB', { body: 'a'.repeat(10_000_000) }, 413, 'too_large'],
        ['10 MB without a length', { body: stream(10_000_000) }, 413, 'too_large'],
        [
          '10 MB that claim to be 10 bytes',
          { body: stream(10_000_000), headers: { 'content-length': '10' } },
          413,
          'too_large',
        ],
        ['a length beyond the limit', { headers: { 'content-length': beyond } }, 413, 'too_large'],
        ['a length that is none', { headers: { 'content-length': '-1' } }, 400, 'invalid_request'],
        ['bytes that are not text', { body: Uint8Array.of(0xff, 0xfe, 0) }, 400, 'invalid_request'],
        ['gzip', { headers: { 'content-encoding': 'gzip' } }, 415, 'unsupported_media_type'],
        [
          'identity',
          { headers: { 'content-encoding': 'identity' } },
          415,
          'unsupported_media_type',
        ],
        ['a query beside it', { query: '?grant_type=x' }, 400, 'invalid_request'],
        ...[
          '',
          'text/plain',
          'multipart/form-data; boundary=x',
          'application/json; charset=utf-16',
          'application/json; charset=utf-8; x=y',
          'application/json, application/json',
          'application/problem+json',
          'application/x-www-form-urlencoded; charset=latin1',
        ].map((type): [string, Sent, number, string] => [
          `content type "${type}"`,
          { headers: { 'content-type': type } },
          415,
          'unsupported_media_type',
        ]),
      ];
      test.each(cases)('%s', async (_what, sent, status, code) => {
        await expectRefusal(requestTo(name, sent), status, code);
      });
    });
  }

  for (const { name, route } of withJson) {
    describe(`members of ${name}`, () => {
      const valid = BODIES[name] ?? {};
      const bodies: [string, string][] = [
        ['an unknown member', JSON.stringify({ ...valid, admin: true })],
        ['a member twice', `{"code":"1",${JSON.stringify({ ...valid, code: '2' }).slice(1)}`],
        ['deep nesting', `{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
        ['an array', '[]'],
        ['a string', '"x"'],
        ['null', 'null'],
        ['a number', '1e400'],
        ['cut JSON', (bodyText(name) ?? '').slice(0, -1)],
      ];
      for (const member of Object.keys(valid)) {
        const { [member]: _gone, ...rest } = valid;
        if (route.body?.schema.safeParse(rest).success === false) {
          bodies.push([`${member} missing`, JSON.stringify(rest)]);
        }
        for (const [what, wrong] of [
          ['null', null],
          ['a number', 7],
          ['a number as text', '7'],
          ['an object', {}],
          ['an array of nothing known', [{ x: 1 }]],
          ['too long', 'x'.repeat(70_000)],
          ['a lone surrogate', '\ud800'],
          ['U+0000', 'a\0b'],
          ['a right-to-left override', 'abc\u202egnp'],
          ['a line break', 'a\nb'],
          ['a full-width letter', '\uff41dmin'],
        ] as const) {
          const body = { ...valid, [member]: wrong };
          const notText = typeof wrong === 'string' && /[\0\ud800]/.test(wrong);
          if (notText || route.body?.schema.safeParse(body).success === false) {
            bodies.push([`${member} is ${what}`, JSON.stringify(body)]);
          }
        }
      }
      test.each(bodies)('%s', async (_what, body) => {
        await expectRefusal(requestTo(name, { body }), 400, 'invalid_request');
      });
    });
  }

  for (const { name, route } of withoutBody) {
    test(`${name} takes no body`, async () => {
      await expectRefusal(
        requestTo(name, { headers: { 'content-length': '2' } }),
        400,
        'invalid_request',
      );
      await expectRefusal(
        requestTo(name, { headers: { 'transfer-encoding': 'chunked' } }),
        400,
        'invalid_request',
      );
      if (route.method !== 'get') {
        await expectRefusal(requestTo(name, { body: '{}' }), 400, 'invalid_request');
      }
    });
  }

  for (const { name, route } of ALL_ROUTES) {
    const queries = ['?admin=true', '?__proto__=1', '?access_token=agent', '?x=%zz', '?x', '?=1'];
    if (route.query !== undefined) queries.push('?after=%00', '?limit=1&limit=2', '?wait=1&wait=1');
    test.each(queries)(`${name} refuses the query %s`, async (query) => {
      await expectRefusal(requestTo(name, { query }), 400, 'invalid_request');
    });
  }

  for (const { name, route } of withQuery) {
    if (route.query?.shape['limit'] === undefined) continue;
    test.each(['0', '501', '-1', '1.5', '0x10', '1e2', '%205', '05', '', 'NaN', '9'.repeat(400)])(
      `${name} refuses limit=%s`,
      async (limit) => {
        await expectRefusal(requestTo(name, { query: `?limit=${limit}` }), 400, 'invalid_request');
      },
    );
  }

  for (const { name, route } of withId) {
    const at = (id: string) => route.path.replace('{id}', id);
    test.each(['x', ID.toUpperCase(), `${ID}0`, "'--", 'null', 'a'.repeat(5000)])(
      `${name} refuses the id %s`,
      async (id) => {
        await expectRefusal(requestTo(name, { path: at(id) }), 400, 'invalid_request');
      },
    );
    test.each([ID.replace('0', '%30'), '%2e%2e%2f', `${ID}%00`, `${ID}/x`, `${ID}/`])(
      `${name} knows no path with %s`,
      async (id) => {
        await expectRefusal(requestTo(name, { path: `${at(id)}` }), 404, 'not_found');
      },
    );
  }
});

describe('paths and methods', () => {
  const letterCase = (path: string) => path.replace('/v1', '/V1').replace('/oauth', '/OAuth');
  for (const { name, route } of ALL_ROUTES) {
    const path = route.path.replace('{id}', ID);
    const variants = [
      `${path}/`,
      `/${path}`,
      path.replace(/[a-z](?=[^a-z]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    ];
    if (route.params === undefined) variants.push(`${path};x=y`);
    if (letterCase(path) !== path) variants.push(letterCase(path));
    test.each(variants)(`%s is not ${name}`, async (variant) => {
      await expectRefusal(requestTo(name, { path: variant }), 404, 'not_found');
    });
  }

  const paths = new Map<string, string[]>();
  for (const { route } of ALL_ROUTES) {
    const methods = paths.get(route.path) ?? [];
    methods.push(...(route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()]));
    paths.set(route.path, methods);
  }
  for (const [path, methods] of paths) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      if (methods.includes(method)) continue;
      test(`${method} ${path} is refused, and Allow says what is not`, async () => {
        const { app, calls } = brokerApp();
        const response = await app.request(path.replace('{id}', ID), {
          method,
          headers: { 'x-http-method-override': methods[0] ?? '' },
        });
        expect(response.status).toBe(405);
        expect(response.headers.get('allow')?.split(', ').sort()).toEqual([...methods].sort());
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
        expect(calls).toEqual([]);
      });
    }
  }
});

describe('the sentence', () => {
  test.each<[RouteName, Record<string, unknown>, RegExp]>([
    ['rejectAccessRequest', {}, /^reason is missing\.$/],
    ['invite', { ...BODIES.invite, name: 'Bob' }, /^name: a name is 1 to 63 /],
    ['invite', { ...BODIES.invite, roles: ['root'] }, /^roles\.0: /],
    [
      'invite',
      { ...BODIES.invite, 'x\u202e\n': 1 },
      /^the body: there is an unknown member x\?\?\.$/,
    ],
    ['draft', { kind: 'environment.loosen' }, /^kind: the value is not a known one\.$/],
    ['explain', { ...BODIES.explain, agent: 'A B' }, /^agent: a name is /],
  ])('%s names the field', async (name, body, detail) => {
    const { app } = brokerApp();
    const response = await app.fetch(requestTo(name, { body: JSON.stringify(body) }));
    expect((await objectOf(response))['detail']).toMatch(detail);
  });
});

test('every route of the table is mounted', () => {
  const mounted = new Set(brokerApp().app.routes.map(({ path }) => path));
  for (const route of Object.values<Route>(routes)) {
    expect(mounted).toContain(route.path.replace('{id}', ':id'));
  }
});
