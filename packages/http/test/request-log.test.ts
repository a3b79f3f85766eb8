/** No secret, no body, no query, no raw path: whatever is sent and whatever fails. */
import { CountersignError, Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { ALL_ROUTES, BODIES, brokerApp, objectOf, requestTo } from './broker-app.ts';
import { ID, SECRETS } from './fake-use-cases.ts';

const CANARY = 'canary0123456789';

describe('the request log', () => {
  test('has the template, the caller and the outcome of a request', async () => {
    const { app, requests } = brokerApp();
    await app.fetch(requestTo('grant'));
    expect(requests).toEqual([
      {
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        method: 'GET',
        route: '/v1/grants/{id}',
        status: 200,
        durationMs: 0,
        code: null,
        decision: null,
        agent: null,
        human: 'alice',
      },
    ]);
  });

  test('has no path that is not a route’s, and no method HTTP does not know', async () => {
    const { app, requests } = brokerApp();
    await app.request(`/${CANARY}?${CANARY}`, { method: CANARY });
    expect(requests).toMatchObject([{ route: null, method: 'OTHER', code: 'not_found' }]);
    expect(JSON.stringify(requests)).not.toContain(CANARY);
  });

  for (const { name } of ALL_ROUTES) {
    test(`${name}: nothing that was sent or answered is in it`, async () => {
      const { app, requests, errors } = brokerApp();
      await app.fetch(requestTo(name));
      await app.fetch(
        requestTo(name, {
          query: `?code=${CANARY}`,
          headers: { authorization: `Bearer ${CANARY}`, dpop: `a.b.${CANARY}`, cookie: CANARY },
        }),
      );
      if (BODIES[name] !== undefined) {
        const body = JSON.stringify({ ...BODIES[name], code: CANARY, [CANARY]: CANARY });
        await app.fetch(requestTo(name, { body }));
      }
      const logged = JSON.stringify([requests, errors]);
      for (const secret of [CANARY, ID, ...Object.values(SECRETS)]) {
        expect(logged).not.toContain(secret);
      }
    });
  }
});

describe('an error nobody expected', () => {
  const failures: [string, () => unknown][] = [
    ['a driver that quotes its parameters', () => new Error(`params: ${CANARY}`)],
    ['a message of many lines', () => new Error(`a\n    at ${CANARY} (/x.js:1:1)\nb`)],
    ['a cause', () => new Error('outer', { cause: new TypeError(CANARY) })],
    [
      'a message changed later',
      () => {
        const error = new Error(`a\n    at ${CANARY} (/x.js:1:1)`);
        // Some engines write the stack when it is first read, with the message of that moment.
        return error.stack === undefined ? error : Object.assign(error, { message: 'changed' });
      },
    ],
    ['a name that talks', () => Object.assign(new Error('x'), { name: `Error ${CANARY}` })],
    ['a string', () => CANARY],
    ['an object', () => ({ password: CANARY })],
    ['a secret', () => new Secret('x', CANARY)],
    ['undefined', () => undefined],
  ];
  test.each(failures)('%s is 503, and leaves no word anywhere', async (_what, make) => {
    const { app, errors, requests } = brokerApp({
      grant: async () => {
        throw make();
      },
    });
    const response = await app.fetch(requestTo('grant'));
    const body = await response.text();
    expect(response.status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      code: 'broker_unavailable',
      detail: 'The broker could not answer this request, so it refused it.',
      halt: true,
    });
    expect(body + JSON.stringify([errors, requests])).not.toContain(CANARY);
    expect(errors).toHaveLength(1);
  });

  test('is not one when a client leaves while it waits', async () => {
    const leave = new AbortController();
    const { app, errors } = brokerApp({
      accessRequest: async (_caller, _id, _wait, signal) => {
        leave.abort();
        throw signal.reason;
      },
    });
    await app.fetch(new Request(requestTo('accessRequest'), { signal: leave.signal }));
    expect(errors).toEqual([]);
  });

  test('is found by its code and frames', async () => {
    const { app, errors, requests } = brokerApp({
      grant: async () => {
        const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
        throw new CountersignError('broker_unavailable', 'The database is away.', { cause });
      },
    });
    const response = await app.fetch(requestTo('grant'));
    expect((await objectOf(response))['detail']).toBe(
      'The broker could not answer this request, so it refused it.',
    );
    expect(errors).toMatchObject([
      {
        requestId: requests[0]?.requestId,
        route: '/v1/grants/{id}',
        errors: [
          'CountersignError broker_unavailable: The database is away.',
          'Error ECONNREFUSED',
        ],
      },
    ]);
    expect(errors[0]?.frames[0]).toMatch(/^at .*request-log\.test\.ts/);
  });
});
