/**
 * What is no request of ours below the level of any route: framing with two readings, targets and hosts a
 * parser might turn round, headers without end, senders who take their time. Over raw sockets.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { complaintOf } from '../support/complaints.ts';
import { type Deployment, deploy } from '../support/deployment.ts';
import { dial, exchangeBytes, send, untilClosed } from '../support/http-wire.ts';
import { callersOf } from '../support/samples.ts';
import { type Watch, watchWrites } from '../support/written.ts';

let deployment: Deployment;
let watch: Watch;
let port: number;
/** Slow senders, begun before everything else and looked at after it. */
let slow: Map<string, Promise<string>>;
/** Headers of an honest agent, whose proof is good for one request. */
let authorized: string;
let authorize: () => Promise<void>;

beforeAll(async () => {
  deployment = await deploy({ env: { COUNTERSIGN_LOG_LEVEL: 'error' } });
  port = deployment.broker.port;
  const { agent } = await callersOf(deployment);
  authorize = async () => {
    const shown = await agent('POST', '/v1/access-requests');
    authorized = Object.entries(shown)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
  };
  watch = await watchWrites(deployment.databaseUrl.reveal());
  await authorize();
  const body = head('Content-Length: 90000');
  await authorize();
  slow = new Map([
    ['headers that never end', trickle('GET /healthz HTTP/1.1\r\nHost: localhost\r\n', 'X: y\r\n')],
    ['a body that never ends', trickle(body, '{')],
    ['chunks that never end', trickle(head('Transfer-Encoding: chunked'), '1\r\n{\r\n')],
    ['a request line that never ends', trickle('GET /', 'a')],
  ]);
});
afterAll(async () => {
  await watch?.close();
  await deployment?.stop();
});

beforeEach(() => authorize());

/** The head of an honest access request, with framing of one's own. */
function head(...framing: readonly string[]): string {
  return [
    'POST /v1/access-requests HTTP/1.1',
    `Host: localhost:${port}`,
    'Content-Type: application/json',
    ...framing,
    'Connection: close',
    `${authorized}\r\n`,
  ].join('\r\n');
}

/** Writes a beginning, then a little more twice a second until the server has had enough. */
async function trickle(beginning: string, drop: string): Promise<string> {
  const socket = await dial(port);
  const closed = untilClosed(socket);
  socket.write(beginning);
  const dripping = setInterval(() => socket.write(drop), 500);
  return await closed.finally(() => clearInterval(dripping));
}

/** Every answer in what came back, each judged; in words what is wrong. */
function complaintsOf(text: string, method = 'GET'): string[] {
  const answers = text.split(/HTTP\/1\.1 (?=\d{3} )/).slice(1);
  if (answers.length === 0) return ['no answer'];
  return answers.flatMap((answer) => {
    const [top = '', body = ''] = answer.split('\r\n\r\n');
    const headers = Object.fromEntries(
      top
        .split('\r\n')
        .slice(1)
        .map((line) => [line.split(': ')[0]?.toLowerCase() ?? '', line.replace(/^[^:]*: /, '')]),
    );
    const status = Number(top.slice(0, 3));
    const plain = headers['transfer-encoding'] === 'chunked' ? (body.split('\r\n')[1] ?? '') : body;
    return complaintOf({ status, headers, body: plain }, { method, oauth: false }) ?? [];
  });
}

async function expectRefused(bytes: string): Promise<void> {
  expect([...complaintsOf(await exchangeBytes(port, bytes)), ...(await watch.news())]).toEqual([]);
}

const HONEST = JSON.stringify({
  authorization_details: [
    { type: 'countersign', connection: 'pg-staging', environment: 'staging' },
  ],
});

describe('framing', () => {
  const length = `Content-Length: ${HONEST.length}`;
  const chunk = `${HONEST.length.toString(16)}\r\n${HONEST}\r\n0\r\n\r\n`;
  test.each<[string, () => string]>([
    ['two Content-Lengths', () => head(length, 'Content-Length: 3') + HONEST],
    ['two equal Content-Lengths', () => head(length, length) + HONEST],
    ['a list of Content-Lengths', () => head(`${length}, ${HONEST.length}`) + HONEST],
    ['Content-Length +5', () => head('Content-Length: +5') + HONEST],
    ['Content-Length in hexadecimal', () => head('Content-Length: 0x50') + HONEST],
    ['Content-Length -1', () => head('Content-Length: -1') + HONEST],
    ['Content-Length 2^64', () => head('Content-Length: 18446744073709551616') + HONEST],
    ['both framings', () => head(length, 'Transfer-Encoding: chunked') + chunk],
    ['chunked twice', () => head('Transfer-Encoding: chunked, chunked') + chunk],
    ['chunked that is not last', () => head('Transfer-Encoding: chunked, identity') + chunk],
    ['xchunked', () => head('Transfer-Encoding: xchunked') + chunk],
    ['a space before the colon', () => head(`Content-Length : ${HONEST.length}`) + HONEST],
    ['a folded header', () => head(length, 'X: a\r\n b') + HONEST],
    ['a header without a colon', () => head(length, 'admin') + HONEST],
    ['a header name with a NUL', () => head(length, 'X\0: a') + HONEST],
    ['a header value with a NUL', () => head(length, 'X: a\0b') + HONEST],
    ['a bare CR', () => head(length, 'X: a\rY: b') + HONEST],
    ['bare LFs', () => (head(length) + HONEST).replaceAll('\r\n', '\n')],
    [
      'a chunk size that is none',
      () => `${head('Transfer-Encoding: chunked')}zz\r\n{}\r\n0\r\n\r\n`,
    ],
    ['a negative chunk size', () => `${head('Transfer-Encoding: chunked')}-2\r\n{}\r\n0\r\n\r\n`],
    ['an endless chunk size', () => `${head('Transfer-Encoding: chunked')}${'f'.repeat(40)}\r\n{}`],
    [
      'a chunk extension of 20 KB',
      () => `${head('Transfer-Encoding: chunked')}2;${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
    ],
    ['Expect of something else', () => `${head('Content-Length: 2', 'Expect: admin')}{}`],
    ['no version', () => 'GET /healthz\r\n\r\n'],
    ['version 9.9', () => 'GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n'],
    ['the HTTP/2 preface', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS greeting', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a method that is none', () => 'G\xcbT /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['spaces in the target', () => 'GET /health z HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [
      'a header of 33 KB',
      () => `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(33_000)}\r\n\r\n`,
    ],
    [
      '1,500 headers of 33 KB',
      () =>
        `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${'X: xxxxxxxxxxxxxxxxx\r\n'.repeat(1500)}\r\n`,
    ],
    ['a target of 33 KB', () => `GET /${'x'.repeat(33_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ])('%s', async (_, bytes) => {
    await expectRefused(bytes());
  });

  test('a body cut short is no body', async () => {
    const socket = await dial(port);
    const closed = untilClosed(socket);
    socket.end(head(length) + HONEST.slice(0, -5));
    const text = await closed;
    expect(text === '' ? [] : complaintsOf(text)).toEqual([]);
    expect(await watch.news()).toEqual([]);
  });

  test('a second request smuggled behind a body that claims less is a request of its own', async () => {
    const smuggled = 'GET /v1/humans HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const kept = head('Content-Length: 2').replace('Connection: close\r\n', '');
    const text = await exchangeBytes(port, `${kept}{}${smuggled}`);
    expect(text.match(/HTTP\/1\.1 \d{3}(?= )/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 401']);
    expect(await watch.news()).toEqual([]);
  });
});

describe('the target and the host', () => {
  const get = (target: string, ...headers: readonly string[]) =>
    `GET ${target} HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}Connection: close\r\n\r\n`;
  test.each([
    ['no Host', get('/healthz')],
    ['two Hosts', get('/healthz', 'Host: localhost', 'Host: localhost')],
    ['an empty Host', get('/healthz', 'Host:')],
    ['a Host with a path', get('/healthz', 'Host: localhost/v1')],
    ['a Host with a user', get('/healthz', 'Host: admin@localhost')],
    ['a Host with a query', get('/healthz', 'Host: localhost?x')],
    ['a list of Hosts', get('/healthz', 'Host: a, b')],
    ['a Host that is no text', get('/healthz', 'Host: \xff\xfe')],
    ['an authority', get('localhost:80', 'Host: localhost')],
    ['an asterisk', get('*', 'Host: localhost')],
    ['another scheme', get('file:///etc/passwd', 'Host: localhost')],
    ['a fragment', get('/healthz#x', 'Host: localhost')],
    ['dot segments', get('/v1/../healthz', 'Host: localhost')],
    ['escaped dot segments', get('/v1/%2e%2e/healthz', 'Host: localhost')],
    ['a backslash', get('\\healthz', 'Host: localhost')],
    [
      'an absolute target with dot segments',
      get('http://localhost/x/../healthz', 'Host: localhost'),
    ],
    [
      'an absolute target with a backslash',
      get('http://localhost\\@evil/healthz', 'Host: localhost'),
    ],
  ])('%s', async (_, bytes) => {
    await expectRefused(bytes);
  });

  test.each([
    'http://evil.example/healthz',
    'http://localhost/.well-known/oauth-authorization-server',
  ])(
    'an absolute target %s is this broker by its own name (RFC 9112 section 3.2.2)',
    async (target) => {
      const text = await exchangeBytes(port, get(target, 'Host: evil.example'));
      expect(text).toMatch(/^HTTP\/1\.1 200/);
      expect(text).not.toContain('evil.example');
    },
  );

  test('CONNECT opens nothing', async () => {
    const bytes = 'CONNECT 127.0.0.1:5432 HTTP/1.1\r\nHost: 127.0.0.1:5432\r\n\r\n';
    expect(await exchangeBytes(port, bytes)).not.toMatch(/^HTTP\/1\.1 [123]/);
  });

  test('an Upgrade is not followed', async () => {
    const text = await exchangeBytes(
      port,
      get('/healthz', 'Host: localhost', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings'),
    );
    expect(text).not.toMatch(/^HTTP\/1\.1 101/);
  });
});

describe('whoever asks and does not read', () => {
  test('gets no thousand answers for a thousand requests in one breath', async () => {
    const ask = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const text = await exchangeBytes(port, ask.repeat(1000));
    expect(text.match(/HTTP\/1\.1 \d{3}(?= )/g)?.length ?? 0).toBeLessThanOrEqual(8);
    expect((await send(port, { method: 'GET', target: '/readyz' })).status).toBe(200);
  });
});

describe('senders who take their time', () => {
  test('do not keep the others waiting', async () => {
    // All of these are open and unfinished while an honest request comes and is answered.
    const held = await Promise.all(Array.from({ length: 200 }, () => dial(port)));
    const closed: number[] = [];
    for (const [i, socket] of held.entries()) {
      socket.once('close', () => closed.push(i));
      socket.write(head('Content-Length: 90000') + '['.repeat(9000));
    }
    const answer = await send(port, { method: 'GET', target: '/readyz' });
    expect({ status: answer.status, closed }).toEqual({ status: 200, closed: [] });
    await deployment.cursor.agent.me();
    expect(closed).toEqual([]);
    for (const socket of held) socket.destroy();
  });

  test.each([
    'headers that never end',
    'a body that never ends',
    'chunks that never end',
    'a request line that never ends',
  ])('%s are cut off with an answer', async (what) => {
    const text = (await slow.get(what)) ?? '';
    expect(complaintsOf(text)).toEqual([]);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
  });
});
