import type { Presented } from '@countersign/broker';
import { describe, expect, test } from 'vitest';
import { ALL_ROUTES, BODIES, brokerApp, objectOf, requestTo } from './broker-app.ts';
import { DIGEST, ID, ISSUER } from './fake-use-cases.ts';

const jwt = (typ: string) =>
  `${Buffer.from(JSON.stringify({ alg: 'EdDSA', typ })).toString('base64url')}.e30.e30`;

function appThatListens() {
  const presented: { as: string; token: Presented }[] = [];
  return {
    presented,
    ...brokerApp({
      authenticateAgent: async (token) => {
        presented.push({ as: 'agent', token });
        return {
          kind: 'agent',
          agent: 'cursor',
          jti: 'j',
          jkt: null,
          grants: [],
          version: 1,
          stands: async () => undefined,
        };
      },
      authenticateHuman: async (token) => {
        presented.push({ as: 'human', token });
        return { kind: 'human', human: 'alice', kid: DIGEST };
      },
    }),
  };
}

describe('the Authorization header', () => {
  test.each([
    ['another scheme', 'Basic YTpi'],
    ['no token', 'Bearer '],
    ['no scheme', 'agent'],
    ['two tokens', 'Bearer agent agent'],
    ['two headers, joined', 'Bearer agent, Bearer agent'],
    ['two spaces', 'Bearer  agent'],
    ['a tab', 'Bearer\tagent'],
    ['parameters', 'Bearer token="agent"'],
    ['1 MB', `Bearer ${'a'.repeat(1_000_000)}`],
    ['a padded inside', 'Bearer a=b'],
  ])('with %s is refused before anyone verifies it', async (_what, authorization) => {
    const { app, presented, calls } = appThatListens();
    const response = await app.request('/v1/me', { headers: { authorization } });
    expect(response.status).toBe(401);
    expect((await objectOf(response))['code']).toBe('invalid_token');
    expect([...presented, ...calls]).toEqual([]);
  });

  test('repeated, it is refused', async () => {
    const { app, presented } = appThatListens();
    const headers = new Headers([
      ['authorization', 'Bearer agent'],
      ['authorization', 'Bearer other'],
    ]);
    expect((await app.request('/v1/me', { headers })).status).toBe(401);
    expect(presented).toEqual([]);
  });

  test.each([
    ['Bearer', 'bearer x'],
    ['DPoP', 'dpop x'],
    ['DPoP', 'DPOP x'],
  ])('names the scheme %s in any letter case', async (scheme, authorization) => {
    const { app, presented } = appThatListens();
    await app.request('/v1/me', { headers: { authorization } });
    expect(presented).toMatchObject([{ token: { scheme, token: 'x', proof: null } }]);
  });

  test('the URL is the issuer’s, whatever Host and query say', async () => {
    const { app, presented } = appThatListens();
    await app.request(`http://evil.example:1/v1/access-requests/${ID}?wait=1`, {
      headers: { authorization: 'DPoP x', dpop: 'a.b.c', host: 'evil.example' },
    });
    expect(presented[0]?.token).toEqual({
      scheme: 'DPoP',
      token: 'x',
      proof: 'a.b.c',
      method: 'GET',
      url: `${ISSUER}/v1/access-requests/${ID}`,
    });
  });

  test('the method is the one that was sent', async () => {
    const { app, presented } = appThatListens();
    await app.request('/v1/me', { method: 'HEAD', headers: { authorization: 'Bearer x' } });
    expect(presented[0]?.token.method).toBe('HEAD');
  });
});

describe('who is asked to verify', () => {
  test.each([
    ['a session', jwt('countersign-session+jwt'), 'human'],
    ['an access token', jwt('at+jwt'), 'agent'],
    ['another type', jwt('dpop+jwt'), 'agent'],
    ['no JWT', 'opaque', 'agent'],
    ['a header of null', `${Buffer.from('null').toString('base64url')}.e30.e30`, 'agent'],
  ])('of %s where either may come', async (_what, token, as) => {
    const { app, presented } = appThatListens();
    await app.request(`/v1/access-requests/${ID}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(presented.map((one) => one.as)).toEqual([as]);
  });

  for (const { name, route } of ALL_ROUTES) {
    // The operator is nobody the broker knows.
    if (route.auth === 'none' || route.auth === 'client' || route.auth === 'operator') continue;
    test(`${name} asks for ${route.auth}`, async () => {
      const { app, presented } = appThatListens();
      await app.fetch(requestTo(name));
      const expected = route.auth.startsWith('agent') ? 'agent' : 'human';
      expect(presented.map((one) => one.as)).toEqual([expected]);
    });
    test(`${name} refuses who shows nothing`, async () => {
      const { app, calls } = brokerApp();
      const request = requestTo(name);
      request.headers.delete('authorization');
      const response = await app.fetch(request);
      expect([response.status, (await objectOf(response))['code']]).toEqual([
        401,
        'unauthenticated',
      ]);
      expect(calls).toEqual([]);
    });
  }
});

describe('a one-time code in place of a session', () => {
  test.each(['draft', 'propose'] as const)('%s is called for nobody', async (name) => {
    const { app, calls } = brokerApp();
    const body = JSON.stringify({ ...BODIES[name], code: 'K7Q2' });
    const request = requestTo(name, { body });
    request.headers.delete('authorization');
    expect((await app.fetch(request)).ok).toBe(true);
    expect(calls).toMatchObject([{ name, args: [null, { code: 'K7Q2' }] }]);
  });

  test('a bad session is not saved by a code', async () => {
    const { app, calls } = brokerApp();
    const body = JSON.stringify({ ...BODIES.propose, code: 'K7Q2' });
    const response = await app.fetch(
      requestTo('propose', { body, headers: { authorization: 'DPoP bad' } }),
    );
    expect(response.status).toBe(401);
    expect(calls).toEqual([]);
  });

  test.each([7, null, {}, ['K7Q2']])('%j is no code', async (code) => {
    const { app, calls } = brokerApp();
    const request = requestTo('propose', { body: JSON.stringify({ ...BODIES.propose, code }) });
    request.headers.delete('authorization');
    expect((await app.fetch(request)).status).toBe(401);
    expect(calls).toEqual([]);
  });
});
