/**
 * Every operation that `/openapi.json` describes, with everything that can be wrong about a request: refused
 * from the closed lists, never a 500, and nothing written. The honest request passes afterwards, so that
 * the refusals mean something.
 */
import { routes } from '@countersign/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spoilForm, spoilJson } from '../support/bad-values.ts';
import { complaintOf } from '../support/complaints.ts';
import { type Deployment, deploy } from '../support/deployment.ts';
import { type Answer, type Sent, send } from '../support/http-wire.ts';
import { type Operation, operationsOf } from '../support/openapi.ts';
import {
  type Callers,
  callersOf,
  type Headers,
  type Sample,
  samplesOf,
} from '../support/samples.ts';
import { type Watch, watchWrites } from '../support/written.ts';

/** Requests under way at once. */
const ABREAST = 6;
const ids = Object.keys(routes);
const withBody = Object.entries(routes).flatMap(([id, route]) => ('body' in route ? [id] : []));

let deployment: Deployment;
let operations: ReadonlyMap<string, Operation>;
let callers: Callers;
let samples: ReadonlyMap<string, Sample>;
let watch: Watch;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  const { url } = deployment.broker;
  operations = new Map((await operationsOf(url)).map((operation) => [operation.id, operation]));
  callers = await callersOf(deployment);
  samples = await samplesOf(deployment);
  watch = await watchWrites(deployment.databaseUrl.reveal());
});
afterAll(async () => {
  await watch?.close();
  await deployment?.stop();
});

interface Attempt extends Omit<Sent, 'method' | 'target'> {
  readonly what: string;
  readonly method?: string;
  /** Left out: the sample's own. */
  readonly target?: string;
  readonly query?: string;
  /** Refused is all that is demanded where left out; else what is no complaint. */
  readonly fine?: (answer: Answer) => boolean;
}

function operation(id: string): Operation {
  const found = operations.get(id);
  if (found === undefined) throw new Error(`/openapi.json has no ${id}`);
  return found;
}

function sampleOf(id: string): Sample {
  return samples.get(id) ?? {};
}

function targetOf({ id, path }: Operation): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => sampleOf(id).params?.[name] ?? name);
}

/** Sends each; what was not refused as it should be, in words. */
async function attempt(
  id: string,
  attempts: readonly Attempt[],
  as: 'rightful' | 'nobody' | 'agent' | 'human' = 'rightful',
): Promise<string[]> {
  const called = operation(id);
  const complaints: string[] = [];
  const queue = [...attempts];
  const one = async (next: Attempt): Promise<void> => {
    const method = next.method ?? called.method;
    const target = (next.target ?? targetOf(called)) + (next.query ?? '');
    const caller = as === 'rightful' ? callers.rightful(called) : callers[as];
    const headers: Headers = {
      ...(called.body === null ? {} : { 'content-type': called.body.type }),
      ...(await caller(method, target)),
      ...next.headers,
    };
    const body = next.body ?? (await bodyOf(called));
    const answer = await send(deployment.broker.port, {
      method,
      target,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    if (next.fine?.(answer) === true) return;
    const complaint = complaintOf(answer, { method, oauth: id === 'token' });
    if (complaint !== null) complaints.push(`${next.what}: ${complaint}`);
  };
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await one(next);
  };
  await Promise.all(Array.from({ length: ABREAST }, lane));
  return complaints;
}

/** The honest body, encoded as the operation takes it. */
async function bodyOf({ id, body }: Operation): Promise<string | undefined> {
  if (body === null) return undefined;
  const value = await sampleOf(id).body?.();
  if (value === undefined) return '{}';
  return body.type === 'application/json'
    ? JSON.stringify(value)
    : new URLSearchParams(formOf(value)).toString();
}

function formOf(value: object): Record<string, string> {
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

async function expectRefused(...attempts: readonly Promise<string[]>[]): Promise<void> {
  const complaints = (await Promise.all(attempts)).flat();
  expect([...complaints, ...(await watch.news())]).toEqual([]);
}

const isRead = (answer: Answer): boolean => answer.status === 200;

test('the running broker describes every route, and nothing else', () => {
  const gateway = ['delete', 'get', 'patch', 'post', 'put'].map((method) => `gateway_${method}`);
  expect([...operations.keys()].sort()).toEqual([...ids, ...gateway].sort());
});

describe('the body', () => {
  test.each(withBody)('of %s, spoiled in every field', async (id) => {
    const { body } = operation(id);
    const { mutants = 'refused', harmless = [], ...sample } = sampleOf(id);
    const value = (await sample.body?.()) ?? {};
    const judged = (text: string): Pick<Attempt, 'fine'> | null => {
      if (mutants === 'refused' || body?.admits(parsed(text)) !== true) return {};
      return mutants === 'answered' ? { fine: isRead } : null;
    };
    const attempts: Attempt[] = [];
    if (body?.type === 'application/json') {
      for (const { what, text } of spoilJson(value)) {
        const verdict = judged(text);
        if (verdict !== null) attempts.push({ what, body: text, ...verdict });
      }
    } else {
      const form = formOf(value);
      for (const { what, text } of spoilForm(form)) {
        if (harmless.includes(what)) continue;
        attempts.push({ what, body: await refreshed(id, form, text) });
      }
    }
    const some = attempts.filter((_, i) => i % 17 === 0);
    await expectRefused(
      attempt(id, attempts),
      attempt(id, some.map(stern), 'nobody'),
      attempt(id, some.map(stern), callers.wrongKind(operation(id))),
    );
  });

  test.each(withBody)('of %s, in the wrong dress', async (id) => {
    const honest = (await bodyOf(operation(id))) ?? '';
    const type = operation(id).body?.type ?? '';
    const dressed = (what: string, headers: Headers, body: Sent['body'] = honest): Attempt => ({
      what,
      headers,
      body,
    });
    await expectRefused(
      attempt(id, [
        ...[
          'text/plain',
          'multipart/form-data; boundary=x',
          `${type}; charset=utf-16`,
          `${type}; charset=utf-8; x=y`,
          `${type}, ${type}`,
          `${type};`,
          'application/xml',
          '*/*',
        ].map((wrong) => dressed(`Content-Type ${wrong}`, { 'content-type': wrong })),
        dressed('two Content-Types', { 'content-type': [type, 'text/plain'] }),
        ...['gzip', 'br', 'identity', 'zstd'].map((encoding) =>
          dressed(`Content-Encoding ${encoding}`, { 'content-encoding': encoding }),
        ),
        dressed('UTF-16', {}, Buffer.from(`\ufeff${honest}`, 'utf16le')),
        dressed('bytes that are no UTF-8', {}, Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)),
        dressed('10 MB', {}, 'a'.repeat(10_000_000)),
        dressed('10 MB in one field', {}, `{"reason":"${'a'.repeat(10_000_000)}"}`),
        dressed('10 MB of brackets', {}, '['.repeat(10_000_000)),
        dressed('96 KiB and a byte', {}, honest.padEnd(96 * 1024 + 1)),
      ]),
    );
  });
});

/** A spoiled body is refused to those who may not call at all, whatever the document admits. */
function stern({ what, body }: Attempt): Attempt {
  return { what, ...(body === undefined ? {} : { body }) };
}

/** What is single use in a form is made anew, so that it is the spoiled field that is refused. */
async function refreshed(
  id: string,
  stale: Readonly<Record<string, string>>,
  text: string,
): Promise<string> {
  const fresh = (await sampleOf(id).body?.()) ?? {};
  let made = text;
  for (const [name, value] of Object.entries(fresh)) {
    const old = stale[name];
    if (old !== undefined) {
      made = made.replaceAll(encodeURIComponent(old), encodeURIComponent(String(value)));
    }
  }
  return made;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

describe('the target', () => {
  test.each(ids)('of %s: parameters in the query', async (id) => {
    const { parameters } = operation(id);
    const VALUES = ['', '-1', '1.5', '0x10', '1e2', '%205', '05', '+5', 'NaN', '9'.repeat(400)];
    VALUES.push('x', 'TRUE', '%00', '%ff', '%zz', 'e%CC%81', '%E2%80%AE', 'x'.repeat(300), '[]');
    const queries = ['admin=true', '__proto__=1', 'constructor=1', 'x', '=1', 'x=%zz', 'x=%00'];
    queries.push('access_token=x', 'a=1&a=2', '%61=1&a=2', 'a[]=1', 'é=1', 'a=%c0%af', '&', '#x');
    queries.push(
      Array.from({ length: 40 }, (_, i) => `p${i}=1`).join('&'),
      'x='.padEnd(40_000, 'x'),
    );
    await expectRefused(
      attempt(id, [
        ...queries.map((query) => ({ what: `?${query.slice(0, 60)}`, query: `?${query}` })),
        ...parameters
          .filter((parameter) => parameter.in === 'query')
          .flatMap(({ name, admits }): Attempt[] => [
            { what: `${name} twice`, query: `?${name}=1&${name}=1` },
            { what: `${name} twice, once escaped`, query: `?${name}=1&${escaped(name)}=1` },
            { what: `${name} as a list`, query: `?${name}[]=1` },
            { what: `${name} in capitals`, query: `?${name.toUpperCase()}=1` },
            ...VALUES.map((value) => ({
              what: `${name}=${value.slice(0, 60)}`,
              query: `?${name}=${value}`,
              // What the document admits may still name nothing; it is never a failure of ours.
              ...(admits(decoded(value)) ? { fine: isRead } : {}),
            })),
          ]),
      ]),
    );
  });

  test.each(ids)('of %s: the path', async (id) => {
    const { path, parameters } = operation(id);
    const honest = targetOf(operation(id));
    const targets = [`${honest}/`, `/${honest}`, `${honest}%00`, `${honest}%2f`, `${honest}/..`];
    targets.push(`/x/..${honest}`, `/./${honest.slice(1)}`, `${honest}%20`, `/%2e${honest}`);
    targets.push(`${honest}\\`, `${honest};x=y`, honest.toUpperCase(), `${honest}/%2e%2e/x`);
    targets.push(
      `${honest}é`,
      honest.replace(/[a-z](?=[^a-z]*$)/, (c) => escaped(c)),
    );
    for (const { name } of parameters.filter((parameter) => parameter.in === 'path')) {
      const at = (value: string) => path.replace(`{${name}}`, value);
      const value = sampleOf(id).params?.[name] ?? '';
      for (const wrong of ['x', `${value}0`, value.slice(1), value.toUpperCase(), `%00${value}`]) {
        targets.push(at(wrong));
      }
      for (const wrong of [
        "'--",
        '..',
        '%2e%2e',
        'null',
        '__proto__',
        '*',
        '{id}',
        'x'.repeat(5000),
      ]) {
        targets.push(at(wrong));
      }
      targets.push(at('00000000-0000-0000-0000-000000000000'), at('%F0%9F%92%A5'), at(''));
    }
    const wrong = targets.filter((target) => target !== honest);
    await expectRefused(
      attempt(
        id,
        wrong.map((target) => ({ what: target.slice(0, 80), target })),
      ),
    );
  });

  test('every other method on every path', async () => {
    const served = new Map<string, { id: string; methods: Set<string> }>();
    for (const { id, path, method } of operations.values()) {
      const at = served.get(path) ?? { id, methods: new Set() };
      at.methods.add(method);
      if (method === 'GET') at.methods.add('HEAD');
      served.set(path, at);
    }
    for (const { id, methods } of served.values()) {
      const attempts = 'GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND QUERY'
        .split(' ')
        .filter((method) => !methods.has(method))
        .map((method) => ({
          what: `${method} ${id}`,
          method,
          headers: { 'x-http-method-override': [...methods][0] ?? '' },
        }));
      await expectRefused(attempt(id, attempts));
    }
  });
});

describe('the caller', () => {
  // An operator's door opens to this machine as well, without anything shown.
  const guarded = Object.entries(routes).flatMap(([id, { auth }]) =>
    ['none', 'client', 'operator'].includes(auth) ? [] : [id],
  );

  test.each(guarded)('of %s is nobody, or of the wrong kind', async (id) => {
    const honest: Attempt[] = [{ what: 'an honest request' }];
    await expectRefused(
      attempt(id, honest, 'nobody'),
      attempt(id, honest, callers.wrongKind(operation(id))),
    );
  });

  test.each(guarded)('of %s spoils what it shows', async (id) => {
    const called = operation(id);
    const shown = await callers.rightful(called)(called.method, targetOf(called));
    const again = await callers.rightful(called)(called.method, targetOf(called));
    const authorization = String(shown['authorization']);
    const [, token = ''] = authorization.split(' ');
    const wrong: readonly (readonly [string, Headers])[] = [
      ['two Authorizations', { authorization: [authorization, authorization] }],
      ['two DPoPs', { dpop: [String(shown['dpop']), String(again['dpop'])] }],
      ['no proof', { dpop: [] }],
      ['an empty proof', { dpop: '' }],
      ['a proof that is a token', { dpop: token }],
      ['a bound token as a bearer', { authorization: `Bearer ${token}` }],
      ['a bound token as a bearer without proof', { authorization: `Bearer ${token}`, dpop: [] }],
      ['no scheme', { authorization: token }],
      ['Basic', { authorization: `Basic ${Buffer.from('cursor:x').toString('base64')}` }],
      ['a comma behind', { authorization: `${authorization},` }],
      ['two spaces', { authorization: authorization.replace(' ', '  ') }],
      ['a tab', { authorization: authorization.replace(' ', '\t') }],
      ['20 KB', { authorization: `DPoP ${'x'.repeat(20_000)}` }],
      ['quotes', { authorization: `DPoP "${token}"` }],
      ['latin-1', { authorization: `DPoP ${token}é` }],
      ['another signature', { authorization: `${authorization.slice(0, -9)}AAAAAAAAA` }],
      ['no signature', { authorization: authorization.replace(/\.[^.]*$/, '.') }],
      ['a token in a cookie', { authorization: [], cookie: `access_token=${token}` }],
    ];
    await expectRefused(
      attempt(
        id,
        wrong.map(([what, headers]) => ({ what, headers })),
      ),
    );
  });
});

describe('after all that', () => {
  test.each(ids)('the honest %s passes', async (id) => {
    const complaints = await attempt(id, [
      { what: 'honest', fine: ({ status }) => status >= 200 && status < 300 },
    ]);
    expect(complaints).toEqual([]);
  });
});

function escaped(name: string): string {
  return `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return '\0';
  }
}
