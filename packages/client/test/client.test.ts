import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { Secret } from '@countersign/core';
import { decodeJwt, decodeProtectedHeader, EmbeddedJWK, importJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createAgent,
  createClient,
  newPrivateJwk,
  ProblemError,
  type SigningKey,
  signIn,
  signingKeyOf,
} from '../src/index.ts';

const ISSUER = 'https://broker.example';
const ID = '01999f5e-7a40-7000-8000-000000000001';
const KID = Buffer.alloc(32, 1).toString('base64url');

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = { status?: number; headers?: Record<string, string>; body: unknown };

let seen: Seen[] = [];
let answers: Answer[] = [];
let server = '';
const http = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const { method = '', url = '', headers } = request;
  seen.push({ method, url, headers, body });
  const answer = answers.shift() ?? { status: 500, body: 'unexpected' };
  response.writeHead(answer.status ?? 200, answer.headers);
  if (Array.isArray(answer.body)) {
    for (const chunk of answer.body) response.write(chunk);
    response.end();
  } else response.end(JSON.stringify(answer.body));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  server = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(() => http.close());
beforeEach(() => {
  seen = [];
  answers = [];
});

const newKey = async () => await signingKeyOf(await newPrivateJwk('test key'));
const connect = () => createClient({ server, issuer: ISSUER });
const problem = {
  type: 'about:blank',
  title: 'Needs a signature',
  status: 403,
  detail: 'Two humans must sign first.',
  code: 'needs_signature',
  halt: true,
};

async function proofIn(request: Seen | undefined) {
  const header = String(request?.headers['dpop']);
  await jwtVerify(header, EmbeddedJWK, { typ: 'dpop+jwt' });
  return decodeJwt(header);
}

async function verified(jwt: string, key: SigningKey) {
  return await jwtVerify(jwt, await importJWK({ ...key.publicJwk }, key.alg), { audience: ISSUER });
}

describe('signing in', () => {
  test('the device key asserts, the session key is bound', async () => {
    const [device, session] = [await newKey(), await newKey()];
    answers = [{ body: { access_token: 'st', token_type: 'DPoP', expires_in: 60 } }];
    const opened = await signIn(connect(), { device, session });
    const form = new URLSearchParams(seen[0]?.body);
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const { payload, protectedHeader } = await verified(form.get('assertion') ?? '', device);
    expect(protectedHeader).toEqual({
      alg: 'EdDSA',
      kid: device.thumbprint,
      typ: 'countersign-signin+jwt',
    });
    expect(payload).toMatchObject({ iss: device.thumbprint, sub: device.thumbprint });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(300);
    expect(await proofIn(seen[0])).toMatchObject({ htm: 'POST', htu: `${ISSUER}/oauth/token` });
    expect(decodeProtectedHeader(String(seen[0]?.headers['dpop']))['jwk']).toEqual(
      session.publicJwk,
    );
    expect(`${opened.token} ${JSON.stringify(opened.token)}`).not.toContain('st"');
  });

  test('a session that came unbound is refused', async () => {
    const [device, session] = [await newKey(), await newKey()];
    answers = [{ body: { access_token: 'st', token_type: 'Bearer', expires_in: 60 } }];
    await expect(signIn(connect(), { device, session })).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
  });
});

describe('a call', () => {
  const caller = async () => ({ token: new Secret('session', 'abc'), key: await newKey() });

  test('carries the token and a proof of it, by the name the broker has for itself', async () => {
    answers = [{ body: { items: [], next: null } }];
    await connect()
      .as(await caller())
      .call('statements', { query: { pending: 'true', limit: 5 } });
    expect(seen[0]?.url).toBe('/v1/statements?pending=true&limit=5');
    expect(seen[0]?.headers.authorization).toBe('DPoP abc');
    expect(await proofIn(seen[0])).toMatchObject({
      htm: 'GET',
      htu: `${ISSUER}/v1/statements`,
      ath: createHash('sha256').update('abc').digest('base64url'),
    });
  });

  test('without a pinned issuer asks once, and tells nobody a token meanwhile', async () => {
    const view = {
      issuer: ISSUER,
      version: '1',
      broker: KID,
      ledger_key: { kty: 'OKP', crv: 'Ed25519', x: KID },
      ledger_vkey: 'v',
    };
    answers = [{ body: view }, { body: { items: [], next: null } }];
    const client = createClient({ server }).as(await caller());
    await client.call('humans', {});
    expect(seen.map(({ url }) => url)).toEqual(['/v1/broker', '/v1/humans']);
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });

  test('a refusal is thrown whole', async () => {
    answers = [{ status: 403, body: problem }];
    const refused = connect()
      .as(await caller())
      .call('humans', {});
    await expect(refused).rejects.toBeInstanceOf(ProblemError);
    await expect(refused).rejects.toMatchObject({ code: 'needs_signature', problem, status: 403 });
  });

  test.each<[string, Answer]>([
    ['an answer of another shape', { body: { items: 'none' } }],
    ['an error without a reason', { status: 500, body: '<html>upstream secret</html>' }],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: null }],
  ])('%s is no answer, and is not quoted', async (_, answer) => {
    answers = [answer];
    const call = connect()
      .as(await caller())
      .call('humans', {});
    await expect(call).rejects.toMatchObject({ code: 'broker_unavailable' });
    await expect(call).rejects.not.toThrow(/upstream/);
  });

  test('the lines of an export are whole, wherever the network cut them', async () => {
    answers = [
      { body: ['{"a":1}\n{"b":"', Buffer.from([0xc3]), Buffer.from([0xa9]), '"}\n{"c"', ':3}'] },
    ];
    const lines: string[] = [];
    const client = connect().as(await caller());
    for await (const line of client.exportLines({ authority: true })) lines.push(line);
    expect(lines).toEqual(['{"a":1}', '{"b":"é"}', '{"c":3}']);
    expect(seen[0]?.url).toBe('/v1/audit/export?authority=true');
  });
});

describe('an agent', () => {
  test('authenticates with its key, and its token is bound to it', async () => {
    const key = await newKey();
    answers = [
      { body: { access_token: 'at', token_type: 'DPoP', expires_in: 300 } },
      {
        body: {
          access_token: 'pw',
          token_type: 'N_A',
          expires_in: 60,
          issued_token_type: 'urn:countersign:params:oauth:token-type:postgres',
          credential: { host: 'h', port: 5432, password: 'pw' },
          lease_id: ID,
        },
      },
      { status: 204, body: [] },
    ];
    const agent = createAgent(connect(), { name: 'cursor', key });
    const token = await agent.token([
      { type: 'countersign', connection: 'pg', environment: 'staging' },
    ]);
    const form = new URLSearchParams(seen[0]?.body);
    const { payload } = await verified(form.get('client_assertion') ?? '', key);
    expect(payload).toMatchObject({ iss: 'cursor', sub: 'cursor' });
    expect(form.get('client_id')).toBe('cursor');
    expect(JSON.parse(form.get('authorization_details') ?? '')).toHaveLength(1);

    const credential = await agent.exchange(token, null);
    expect(credential).toMatchObject({ leaseId: ID, kind: 'postgres' });
    expect(credential.reveal()['password']).toBe('pw');
    expect(new URLSearchParams(seen[1]?.body).get('subject_token')).toBe('at');
    expect((await proofIn(seen[1]))['ath']).toBeUndefined();

    await agent.giveBack(credential.leaseId);
    expect(seen[2]).toMatchObject({ method: 'DELETE', url: `/v1/leases/${ID}` });
    expect(seen[2]?.headers.authorization).toBe('DPoP at');
  });

  test('can go without binding, where that is allowed', async () => {
    answers = [{ body: { access_token: 'at', token_type: 'Bearer', expires_in: 300 } }];
    const agent = createAgent(connect(), { name: 'cursor', key: await newKey(), bind: false });
    expect((await agent.token(null)).key).toBeNull();
    expect(seen[0]?.headers['dpop']).toBeUndefined();
  });
});

test.each(['http://broker.example', 'ftp://localhost', 'localhost:8420', ''])(
  '%j is no server to send a token to',
  (url) => expect(() => createClient({ server: url })).toThrow(/https/),
);

test.each([
  'not json',
  '{}',
  '{"kty":"oct","k":"c2VjcmV0"}',
  '{"kty":"OKP","crv":"Ed25519","d":"c2VjcmV0"}',
])('an unusable key is refused without its text', async (text) => {
  const refused = signingKeyOf(new Secret('key', text));
  await expect(refused).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(refused).rejects.not.toThrow(/c2VjcmV0|not json/);
});

describe('the gateway', () => {
  const REQUEST = {
    method: 'POST',
    path: '/graphql/v2?x=1',
    contentType: 'application/json',
    body: '{"query":"{ me { id } }"}',
  };

  test('is asked with a proof for exactly this body, at exactly this path', async () => {
    const key = await newKey();
    answers = [{ body: { data: null } }];
    const client = connect().as({ token: new Secret('token', 'a.b.c'), key });
    const response = await client.forward('railway', REQUEST);
    expect(await response.json()).toEqual({ data: null });
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/gateway/railway/graphql/v2?x=1',
      body: REQUEST.body,
      headers: { authorization: 'DPoP a.b.c', 'content-type': 'application/json' },
    });
    expect(await proofIn(seen[0])).toMatchObject({
      htm: 'POST',
      htu: `${ISSUER}/gateway/railway/graphql/v2`,
      ath: createHash('sha256').update('a.b.c').digest('base64url'),
      bdh: createHash('sha256').update(REQUEST.body).digest('base64url'),
    });
  });

  test('hands on whatever the provider says, and throws what the broker says', async () => {
    answers = [
      { status: 422, body: { error: 'theirs' } },
      { status: 403, headers: { 'content-type': 'application/problem+json' }, body: problem },
    ];
    const client = connect().as({ token: new Secret('token', 'a.b.c'), key: null });
    expect((await client.forward('railway', REQUEST)).status).toBe(422);
    await expect(client.forward('railway', REQUEST)).rejects.toBeInstanceOf(ProblemError);
  });
});
