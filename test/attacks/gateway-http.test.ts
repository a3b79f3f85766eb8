/**
 * The gateway by way of HTTP: requests with two readings, a provider that gives the credential away, and agents
 * that would like it to go elsewhere. Over raw sockets where a client would correct them.
 */
import type { ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type AgentToken, type Client, createClient, dpopProof } from '@countersign/client';
import { verifyExport } from '@countersign/verify';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Deployment, deploy, details } from '../support/deployment.ts';
import {
  type Answer,
  dial,
  exchangeBytes,
  type Sent,
  send,
  untilClosed,
} from '../support/http-wire.ts';
import { connectRailway, type StandIn, startRailway } from '../support/railway.ts';

const TARGET = '/gateway/railway/graphql/v2';
const ANY = JSON.stringify({ query: '{ me { name } }' });
const WHERE = { connection: 'railway', environment: 'staging' };

let deployment: Deployment;
let railway: StandIn;
let port: number;
let token: AgentToken;
let read: string;

beforeAll(async () => {
  railway = await startRailway();
  deployment = await deploy({ env: { COUNTERSIGN_AGENT_RESOLVER_RATE: '1000' } });
  port = deployment.broker.port;
  await connectRailway(deployment, railway);
  const { staging } = railway.rental;
  const environment = [`environment/${staging.id}`];
  await deployment.grant({
    ...WHERE,
    operations: ['railway:environment'],
    resources: environment,
  });
  token = await deployment.cursor.agent.token(details(['railway:environment'], environment, WHERE));
  read = JSON.stringify({ query: `{ environment(id: "${staging.id}") { id name } }` });
});
afterAll(async () => {
  await deployment?.stop();
  await railway?.close();
});
beforeEach(() => {
  railway.behave(null);
  railway.forget();
});

/** What an honest agent sends; a proof is good for one request. */
async function shown(
  change: {
    readonly method?: string;
    readonly target?: string;
    readonly body?: string | Uint8Array;
  } = {},
): Promise<Record<string, string>> {
  const { method = 'POST', target = TARGET, body = read } = change;
  const { key } = token;
  if (key === null) throw new Error('the token is bound');
  const url = `${deployment.broker.url}${target.replace(/\?.*$/s, '')}`;
  const proven = { method, url, now: Date.now(), accessToken: token.token };
  return {
    'content-type': 'application/json',
    authorization: `DPoP ${token.token.reveal()}`,
    dpop: await dpopProof(key, { ...proven, body: Buffer.from(body) }),
  };
}

async function ask(change: Partial<Sent> = {}): Promise<Answer> {
  const { method = 'POST', target = TARGET, body = read } = change;
  const headers = { ...(await shown({ method, target, body })), ...change.headers };
  return await send(port, { method, target, headers, body });
}

/** What came by way of the gateway, and not of the broker's own questions. */
function forwarded() {
  return railway.received.filter(({ body }) => !body.includes('__schema') && body.includes('name'));
}

const codeOf = ({ body }: Answer): unknown => JSON.parse(body).code;

test('an honest request passes, and says what the provider said', async () => {
  const answer = await ask();
  expect({ status: answer.status, body: JSON.parse(answer.body) }).toEqual({
    status: 200,
    body: { data: { environment: { id: railway.rental.staging.id, name: 'staging' } } },
  });
  expect(answer.headers['countersign-decision']).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.headers['cache-control']).toBe('no-store');
});

describe('what goes upstream', () => {
  test('the agent’s own bearer forwarded upstream: not it, nor its proof, nor anything else of it', async () => {
    await ask({
      headers: {
        cookie: 'session=agent',
        'x-from-the-agent': 'agent',
        connection: 'x-from-the-agent',
      },
    });
    const sent = JSON.stringify(railway.received);
    expect(sent).toContain(railway.rental.tokens.account.secret);
    expect(sent).not.toContain(token.token.reveal());
    expect(sent).not.toMatch(/dpop|cookie|x-from-the-agent/i);
  });

  test('is made from what was judged, and never the bytes that came', async () => {
    const odd = read
      .replace('{ environment', '# a comment\\n query   Q { environment')
      .replace('}"', ' }"');
    await ask({ body: odd.replaceAll('"query":', '"query" :') });
    for (const { body } of railway.received) expect(body).not.toMatch(/a comment|"query" :/);
  });
});

describe('a second reading', () => {
  const path = (target: string): Partial<Sent> => ({ target });
  const header = (name: string, value: string | string[]): Partial<Sent> => ({
    headers: { [name]: value },
  });
  test.each<[string, Partial<Sent>]>([
    ['a path traversal', path('/gateway/railway/x/../graphql/v2')],
    ['a path traversal, escaped', path('/gateway/railway/x/%2e%2e/graphql/v2')],
    ['a slash, escaped', path('/gateway/railway/graphql%2fv2')],
    ['a path, escaped twice', path('/gateway/railway/graphql%252fv2')],
    ['a parameter in the path', path('/gateway/railway/graphql/v2;admin=1')],
    ['a trailing slash', path(`${TARGET}/`)],
    ['another letter case', path('/gateway/railway/GraphQL/v2')],
    ['two slashes', path('/gateway/railway//graphql/v2')],
    ['a query', path(`${TARGET}?query=%7Bme%7Bid%7D%7D`)],
    ['an escaped connection', path('/gateway/rail%77ay/graphql/v2')],
    ['method override', header('x-http-method-override', 'GET')],
    ['method override by another name', header('x-method-override', 'GET')],
    ['the content type twice', header('content-type', ['application/json', 'text/plain'])],
    ['another content type', header('content-type', 'application/graphql')],
    ['a form', header('content-type', 'multipart/form-data; boundary=x')],
    ['gzip', { body: gzipSync(ANY), ...header('content-encoding', 'gzip') }],
    ['brotli', { body: brotliCompressSync(ANY), ...header('content-encoding', 'br') }],
    ['a bomb', { body: gzipSync(Buffer.alloc(10_000_000)), ...header('content-encoding', 'gzip') }],
    ['an encoding that says it is none', header('content-encoding', 'identity')],
    ['an Upgrade', header('upgrade', 'websocket')],
    ['the token in two headers', header('project-access-token', 'a.b.c')],
    ['a body over the limit', { body: `{"query":"{ ${'a '.repeat(200_000)}}"}` }],
  ])('%s', async (_, change) => {
    const answer = await ask(change);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(railway.received).toEqual([]);
  });

  test.each<[string, (head: string) => string]>([
    [
      'two lengths',
      (head) => `${head}Content-Length: ${read.length}\r\nContent-Length: 2\r\n\r\n${read}`,
    ],
    [
      'both framings',
      (head) => `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a trailer',
      (head) =>
        `${head}Transfer-Encoding: chunked\r\nTrailer: authorization\r\n\r\n0\r\nAuthorization: b\r\n\r\n`,
    ],
    ['CRLF in a header', (head) => `${head}X: a\rAuthorization: b\r\nContent-Length: 0\r\n\r\n`],
    [
      'an absolute target',
      (head) =>
        `${head.replace(TARGET, `http://localhost${TARGET}`)}Content-Length: ${read.length}\r\n\r\n${read}`,
    ],
  ])('%s', async (_, bytes) => {
    const lines = Object.entries(await shown()).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST ${TARGET} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join('')}`;
    expect(await exchangeBytes(port, bytes(head))).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(railway.received).toEqual([]);
  });

  test('another Host than the one meant is none of it: the proof names the broker', async () => {
    const answer = await ask({ headers: { host: 'evil.example' } });
    expect(answer.status).toBe(200);
    expect(forwarded().every(({ headers }) => headers['host'] === new URL(railway.url).host)).toBe(
      true,
    );
  });

  test('100-continue is answered, and the request judged like any other', async () => {
    const lines = Object.entries(await shown()).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST ${TARGET} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n`;
    const socket = await dial(port);
    const closed = untilClosed(socket);
    socket.write(`${head}${lines.join('')}Content-Length: ${read.length}\r\n\r\n${read}`);
    expect(await closed).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });
});

test('two deletions under one use, by two names or as one field twice, are none', async () => {
  const { id } = railway.rental.volumes.stagingUploads;
  const { alice, bob, cursor, broker } = deployment;
  const wanted = details(['railway:volumeDelete'], [`volume/${id}`], WHERE);
  const asked = await cursor.agent.ask({ authorization_details: wanted, reason: 'old' });
  const drafted = await alice.propose({
    kind: 'grant.create',
    body: { request: asked.id, reason: 'ok' },
  });
  await bob.sign(drafted.id);
  const client = createClient({ server: broker.url }).as(await cursor.agent.token(wanted));
  const field = `volumeDelete(volumeId: "${id}")`;
  for (const query of [
    `mutation { a: ${field} b: ${field} }`,
    `mutation { ...A ...B } fragment A on Mutation { a: ${field} } fragment B on Mutation { b: ${field} }`,
  ]) {
    const sent = { method: 'POST', path: '/graphql/v2', contentType: 'application/json' };
    await expect(
      client.forward('railway', { ...sent, body: JSON.stringify({ query }) }),
    ).rejects.toMatchObject({ code: 'ambiguous_request' });
  }
});

describe('a thief on the way', () => {
  test('plays a request again', async () => {
    const headers = await shown();
    const sent = { method: 'POST', target: TARGET, headers, body: read };
    expect((await send(port, sent)).status).toBe(200);
    railway.forget();
    const again = await send(port, sent);
    expect({ status: again.status, code: codeOf(again) }).toEqual({
      status: 401,
      code: 'replayed',
    });
    expect(railway.received).toEqual([]);
  });

  test('puts another body under a proof', async () => {
    const other = JSON.stringify({ query: '{ me { id email } }' });
    const answer = await send(port, {
      method: 'POST',
      target: TARGET,
      headers: await shown(),
      body: other,
    });
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({
      status: 401,
      code: 'sender_mismatch',
    });
    expect(railway.received).toEqual([]);
  });

  test('has the token alone', async () => {
    const { dpop: _, ...bare } = await shown();
    for (const authorization of [bare['authorization'], `Bearer ${token.token.reveal()}`]) {
      const headers = { ...bare, authorization: authorization ?? '' };
      const answer = await send(port, { method: 'POST', target: TARGET, headers, body: read });
      expect(answer.status).toBe(401);
    }
    expect(railway.received).toEqual([]);
  });
});

describe('a provider that gives the credential away', () => {
  const credential = () => railway.rental.tokens.account.secret;

  test('in a redirect, which is not followed', async () => {
    const other = await startRailway();
    railway.behave((outgoing, { body }) => {
      if (!body.includes('name')) return false;
      outgoing.writeHead(307, { location: `${other.url}/?${credential()}` }).end(credential());
      return true;
    });
    const answer = await ask();
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({
      status: 502,
      code: 'provider_refused',
    });
    expect(JSON.stringify(answer)).not.toContain(credential());
    expect(other.received).toEqual([]);
    await other.close();
  });

  test('in a body, cut in two wherever the network likes', async () => {
    for (const cut of [1, 7, 20]) {
      railway.behave((outgoing, { body }) => {
        if (!body.includes('name')) return false;
        const text = `{"data":null,"errors":[{"message":"bad token ${credential()}!"}]}`;
        const at = text.indexOf(credential()) + cut;
        outgoing.writeHead(200, { 'content-type': 'application/json' });
        outgoing.write(text.slice(0, at), () => setImmediate(() => outgoing.end(text.slice(at))));
        return true;
      });
      const answer = await ask();
      expect(answer.body).toContain('bad token [redacted]!');
      expect(answer.body).not.toContain(credential());
    }
  });

  test('in a header, and in an error', async () => {
    railway.behave((outgoing, { body }) => {
      if (!body.includes('name')) return false;
      outgoing
        .writeHead(500, {
          etag: credential(),
          'x-debug': credential(),
          'set-cookie': `t=${credential()}`,
        })
        .end(`<pre>Authorization: Bearer ${credential()}</pre>`);
      return true;
    });
    const answer = await ask();
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer)).not.toContain(credential());
    expect(answer.headers['etag']).toBe('[redacted]');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test('in an encoding nobody asked for', async () => {
    railway.behave((outgoing, { body, headers }) => {
      if (!body.includes('name')) return false;
      expect(headers['accept-encoding']).toBe('identity');
      outgoing.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(credential()));
      return true;
    });
    const answer = await ask();
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({
      status: 503,
      code: 'provider_unavailable',
    });
  });

  test('in a challenge, so that an agent looks for a better one', async () => {
    railway.behave((outgoing, { body }) => {
      if (!body.includes('name')) return false;
      outgoing.writeHead(401, { 'www-authenticate': 'Bearer realm="get one"' }).end('no');
      return true;
    });
    const answer = await ask();
    expect(codeOf(answer)).toBe('provider_refused');
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });
});

describe('a provider that takes its time', () => {
  test('keeps nobody else waiting', async () => {
    const silent: ServerResponse[] = [];
    railway.behave((outgoing, { body }) => {
      if (!body.includes('name')) return false;
      silent.push(outgoing);
      return true;
    });
    const waiting = ask();
    await vi.waitUntil(() => silent.length > 0);
    await deployment.cursor.agent.me();
    railway.behave(null);
    expect((await ask()).status).toBe(200);
    for (const outgoing of silent) outgoing.end('{}');
    expect((await waiting).status).toBe(200);
  });

  test('goes on no longer than its authority: a freeze cuts the stream', async () => {
    railway.behave((outgoing, { body }) => {
      if (!body.includes('name')) return false;
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      return true;
    });
    const { id, client } = await another('helper');
    const response = await client.forward('railway', {
      method: 'POST',
      path: '/graphql/v2',
      contentType: 'application/json',
      body: read,
    });
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
    const cut = expect(reader?.read()).rejects.toThrow();
    await deployment.alice.propose({
      kind: 'freeze',
      body: { target: { kind: 'agent', id }, reason: 'stop' },
    });
    await cut;
  });
});

test('an agent that reads nothing takes every connection to the provider from another', async () => {
  const hung: ServerResponse[] = [];
  railway.behave((outgoing, { body }) => {
    if (!body.includes('hanging')) return false;
    outgoing.writeHead(200, { 'content-type': 'application/json' }).write('{');
    hung.push(outgoing);
    return true;
  });
  const other = await another('neighbour');
  const query = `{ environment(id: "${railway.rental.staging.id}") { hanging: name } }`;
  const body = JSON.stringify({ query });
  // More than there are connections to one provider, each from a connection of its own.
  const bytes = await Promise.all(Array.from({ length: 80 }, () => bytesOf(body)));
  const sockets = await Promise.all(bytes.map(() => dial(port)));
  sockets.forEach((socket, at) => {
    socket.pause();
    socket.write(bytes[at] ?? '');
  });
  await expect.poll(() => hung.length).toBe(16);

  const forwardOptions = { method: 'POST', path: '/graphql/v2', contentType: 'application/json' };
  const answer = await other.client.forward('railway', { ...forwardOptions, body: read });
  expect(await answer.json()).toMatchObject({ data: { environment: { name: 'staging' } } });

  // Its own turn never comes, which it is told; and it comes again once the others were given back.
  expect(codeOf(await ask())).toBe('rate_limited');
  for (const socket of sockets) socket.destroy();
  for (const outgoing of hung) outgoing.destroy();
  await expect.poll(async () => (await ask()).status).toBe(200);
});

/** An honest request as it goes over the wire. */
async function bytesOf(body: string): Promise<string> {
  const headers = Object.entries(await shown({ body }));
  return [
    `POST ${TARGET} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
}

/** Another agent with the same grant, so that what happens to it is nobody else's. */
async function another(name: string): Promise<{ readonly id: string; readonly client: Client }> {
  const { id, agent } = await deployment.registerAgent(name);
  const environment = [`environment/${railway.rental.staging.id}`];
  await deployment.grant({
    ...WHERE,
    agent: name,
    operations: ['railway:environment'],
    resources: environment,
  });
  const own = await agent.token(details(['railway:environment'], environment, WHERE));
  return { id, client: createClient({ server: deployment.broker.url }).as(own) };
}

describe('an admin alone', () => {
  test.each([
    'http://169.254.169.254',
    'http://localhost.evil.example',
    'https://backboard.railway.com.evil.example',
    'https://backboard.railway.com@evil.example',
    'https://backboard.railway.com:8443',
    'http://backboard.railway.com',
    'file:///etc/passwd',
  ])('has the credential sent to %s', async (endpoint) => {
    const { alice } = deployment;
    await expect(
      alice.propose(
        {
          kind: 'connection.set',
          body: {
            name: 'elsewhere',
            provider: 'railway',
            config: { endpoint, token: 'account', projects: [railway.rental.projectId] },
            environments: {},
          },
        },
        { salt: Buffer.alloc(32, 3).toString('base64url'), value: 'a-credential-of-theirs' },
      ),
    ).rejects.toMatchObject({ code: 'invalid_request' });
    expect(railway.received).toEqual([]);
  });
});

test('after all of it the ledger verifies, and nothing at the provider was changed', async () => {
  const changed = railway.simulator.effects.filter(({ effect }) => effect !== 'read');
  expect(changed).toEqual([]);
  const lines = deployment.alice.client.exportLines({ authority: false });
  const report = await verifyExport(lines);
  expect(report.finding).toBeNull();
  expect(report.unjudged.map(({ what }) => what)).toContain('environment, proven by railway');
});
