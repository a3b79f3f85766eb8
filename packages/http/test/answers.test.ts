import { type Route, routes } from '@countersign/contract';
import { describe, expect, test } from 'vitest';
import { createApp } from '../src/index.ts';
import { ALL_ROUTES, brokerApp, objectOf, requestTo, UNSTOPPED } from './broker-app.ts';
import { accessRequest, fakeUseCases, ID, ISSUER, SECRETS } from './fake-use-cases.ts';

const CACHEABLE = ['metadata', 'resourceMetadata', 'jwks', 'openapi'];

describe.each(ALL_ROUTES)('$name', ({ name, route }) => {
  test('answers as the table says', async () => {
    const { app, requests, errors } = brokerApp();
    const response = await app.fetch(requestTo(name));
    expect(response.status).toBe(route.status);
    if (route.answer !== undefined) {
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(route.answer.safeParse(await response.json())).toMatchObject({ success: true });
    } else if (route.media !== undefined) {
      expect(response.headers.get('content-type')).toBe(route.media);
    }
    expect(errors).toEqual([]);
    expect(requests).toMatchObject([
      { route: route.path, method: route.method.toUpperCase(), status: route.status, code: null },
    ]);
  });

  test('carries the headers every answer carries', async () => {
    const { app, requests } = brokerApp();
    const { headers } = await app.fetch(requestTo(name));
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'referrer-policy': 'no-referrer',
      'cache-control': CACHEABLE.includes(name) ? 'public, max-age=300' : 'no-store',
      'x-request-id': requests[0]?.requestId,
    });
    expect([...headers.keys()].filter((key) => key.startsWith('access-control'))).toEqual([]);
  });

  if (route.method === 'get') {
    test('answers HEAD with the same headers and nothing else', async () => {
      const { app } = brokerApp();
      const get = requestTo(name);
      const response = await app.fetch(new Request(get, { method: 'HEAD' }));
      expect(response.status).toBe(route.status);
      const { headers } = await app.fetch(requestTo(name));
      for (const header of ['content-type', 'cache-control', 'retry-after', 'link']) {
        expect(response.headers.get(header)).toBe(headers.get(header));
      }
      expect(await response.text()).toBe('');
    });
  }
});

describe('discovery', () => {
  test('RFC 8414 metadata', async () => {
    const { app } = brokerApp();
    expect(await (await app.request('/.well-known/oauth-authorization-server')).json()).toEqual({
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/oauth/token`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      grant_types_supported: [
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
      ],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: [
        'private_key_jwt',
        'client_secret_basic',
        'client_secret_post',
      ],
      token_endpoint_auth_signing_alg_values_supported: ['EdDSA', 'Ed25519', 'ES256'],
      dpop_signing_alg_values_supported: ['EdDSA', 'Ed25519', 'ES256'],
      authorization_details_types_supported: ['countersign'],
      protected_resources: [ISSUER],
      service_documentation: `${ISSUER}/openapi.json`,
    });
  });

  test('RFC 9728 metadata names the resource it is asked from', async () => {
    const { app } = brokerApp();
    const metadata = await (await app.request('/.well-known/oauth-protected-resource')).json();
    expect(metadata).toMatchObject({ resource: ISSUER, authorization_servers: [ISSUER] });
  });

  test('the OpenAPI document has every route', async () => {
    const { app } = brokerApp();
    const { paths } = await objectOf(await app.request('/openapi.json'));
    for (const route of Object.values<Route>(routes)) {
      expect(paths).toHaveProperty([route.path, route.method]);
    }
  });

  test('the root says what this is', async () => {
    const { app } = brokerApp();
    const response = await app.request('/');
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toContain(`${ISSUER}/openapi.json`);
    expect((await app.request('/', { method: 'POST' })).status).toBe(405);
  });

  test.each(['', 'localhost', 'https://x.example/', 'https://x.example/path', 'https://X.example'])(
    'the issuer %j is refused at the start',
    (issuer) => {
      const { useCases } = fakeUseCases();
      const log = { request: () => undefined, error: () => undefined };
      expect(() =>
        createApp({ useCases, issuer, version: '1', log, clock: { now: () => 0 }, ...UNSTOPPED }),
      ).toThrow(TypeError);
    },
  );
});

describe('lists', () => {
  test('page by Link, filters kept', async () => {
    const { app, calls } = brokerApp({
      grants: async () => ({ items: [], next: 'a b&c' }),
    });
    const response = await app.fetch(
      requestTo('grants', { query: '?limit=2&after=x&agent=cursor' }),
    );
    expect(response.headers.get('link')).toBe(
      `<${ISSUER}/v1/grants?limit=2&after=a+b%26c&agent=cursor>; rel="next"`,
    );
    expect(calls).toMatchObject([{ args: [{ after: 'x', limit: 2, agent: 'cursor' }] }]);
  });

  test('the last page has no Link, and the limit has a default', async () => {
    const { app, calls } = brokerApp();
    const response = await app.fetch(requestTo('statements', { query: '?pending=true' }));
    expect(response.headers.has('link')).toBe(false);
    expect(calls).toMatchObject([{ args: [{ after: null, limit: 100, pending: true }] }]);
  });

  test('entries by several types', async () => {
    const { app, calls } = brokerApp();
    await app.fetch(requestTo('auditEntries', { query: '?type=a,b&order=asc' }));
    expect(calls).toMatchObject([{ args: [{ types: ['a', 'b'], ascending: true, agent: null }] }]);
    const refused = await app.fetch(requestTo('auditEntries', { query: '?type=a,,b' }));
    expect(refused.status).toBe(400);
  });
});

describe('an access request', () => {
  test('is polled, or waited for until the client leaves', async () => {
    const aborted: boolean[] = [];
    const { app, calls } = brokerApp({
      accessRequest: async (_caller, _id, _wait, signal) => {
        leave.abort();
        aborted.push(signal.aborted);
        return accessRequest;
      },
    });
    const leave = new AbortController();
    const request = new Request(requestTo('accessRequest', { query: '?wait=30' }), {
      signal: leave.signal,
    });
    const response = await app.fetch(request);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(calls[0]?.args.slice(1, 3)).toEqual([ID, 30]);
    expect(aborted).toEqual([true]);
  });

  test('is not polled once it is settled', async () => {
    const { app } = brokerApp({
      accessRequest: async () => ({ ...accessRequest, status: 'granted' }),
    });
    const response = await app.fetch(requestTo('accessRequest'));
    expect(response.headers.has('retry-after')).toBe(false);
  });

  test('when filed, says where it is', async () => {
    const { app } = brokerApp();
    const response = await app.fetch(requestTo('fileAccessRequest'));
    expect(response.headers.get('location')).toBe(`${ISSUER}/v1/access-requests/${ID}`);
    expect(response.headers.get('countersign-decision')).not.toBeNull();
  });
});

test('an invitation reveals its code to the human who made it', async () => {
  const { app } = brokerApp();
  const response = await app.fetch(requestTo('invite'));
  expect((await objectOf(response))['code']).toBe(SECRETS.invitation);
});

describe('/readyz', () => {
  test.each(['database', 'clock', 'authority'] as const)('is 503 for %s', async (reason) => {
    const { app } = brokerApp({ readiness: async () => reason });
    const response = await app.request('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'unavailable',
      reason,
      time: '2026-11-20T12:00:00.000Z',
    });
  });

  test('is 503 from the beginning of a stop, while the process goes on to answer', async () => {
    const stopping = AbortSignal.abort();
    const { app } = brokerApp({}, { stopping });
    const response = await app.request('/readyz');
    expect(response.status).toBe(503);
    expect(await objectOf(response)).toMatchObject({ reason: 'stopping' });
    expect((await app.request('/healthz')).status).toBe(200);
    expect((await app.fetch(requestTo('grant'))).status).toBe(200);
  });
});

test('whoever waits is answered when nobody can wait any longer', async () => {
  const closing = new AbortController();
  const { app } = brokerApp(
    {
      accessRequest: async (_caller, _id, _wait, signal) => {
        const told = new Promise((resolve) => signal.addEventListener('abort', resolve));
        closing.abort();
        await told;
        return accessRequest;
      },
    },
    { closing: closing.signal },
  );
  const response = await app.fetch(requestTo('accessRequest', { query: '?wait=30' }));
  expect(response.status).toBe(200);
});

describe('/metrics', () => {
  test('are for those whom the server admits', async () => {
    const seen: (string | null)[] = [];
    const metrics = {
      admits: (request: Request) => {
        seen.push(request.headers.get('authorization'));
        return false;
      },
      read: () => Promise.reject(new Error('nobody may read them')),
    };
    const { app, errors } = brokerApp({}, { metrics });
    const headers = { authorization: 'Bearer wrong' };
    const response = await app.request('/metrics', { headers });
    expect(response.status).toBe(403);
    expect(await objectOf(response)).toMatchObject({ code: 'forbidden' });
    expect(seen).toEqual(['Bearer wrong']);
    expect(errors).toEqual([]);
  });
});
