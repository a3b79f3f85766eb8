/** What goes to a provider, and what comes back: over real sockets, against servers that misbehave. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createPlainServer } from 'node:net';
import { inspect } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { Secret } from '@countersign/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type OutboundRequest, ProviderError, type Upstream } from '../src/index.ts';
import { openUpstream } from '../src/open-upstream.ts';

const CREDENTIAL = { name: 'authorization', value: new Secret('root', 'Bearer r00t-credential') };
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function listen(server: Server | ReturnType<typeof createPlainServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close());
  if ('closeAllConnections' in server) undo.push(() => server.closeAllConnections());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

function serving(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Promise<string> {
  return listen(createServer(answer));
}

function opened(): Upstream {
  const upstream = openUpstream();
  undo.push(() => upstream.close());
  return upstream;
}

const request = (url: string, change: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'POST',
  url: new URL(url),
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{}'),
  ...change,
});

const limits = (patience = 5_000, signal = new AbortController().signal) => ({ patience, signal });

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function failure(call: Promise<unknown>): Promise<ProviderError> {
  const outcome = await call.then(
    () => 'no failure',
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome;
  throw new Error(`expected a ProviderError, got ${String(outcome)}`);
}

describe('Law 4: what waited too long for a connection', () => {
  it('is not sent any more, and nothing of it was', async () => {
    const held: ServerResponse[] = [];
    const seen: (string | undefined)[] = [];
    const url = await serving((incoming, outgoing) => {
      seen.push(incoming.url);
      outgoing.write('x');
      held.push(outgoing);
    });
    const upstream = opened();
    // Each holds a connection, and nobody reads what it answers.
    await Promise.all(
      Array.from({ length: 64 }, () => upstream.send(request(`${url}/held`), CREDENTIAL, limits())),
    );
    const late = upstream.send(request(`${url}/late`), CREDENTIAL, {
      ...limits(60_000),
      startBefore: performance.now() + 100,
    });
    expect((await failure(late)).kind).toBe('unavailable');
    for (const each of held) each.end();
    expect(seen).toHaveLength(64);
    expect(seen).not.toContain('/late');
  });

  it('is not sent when its time was over before', async () => {
    const seen: unknown[] = [];
    const url = await serving((incoming, outgoing) => {
      seen.push(incoming.url);
      outgoing.end();
    });
    const upstream = opened();
    await textOf((await upstream.send(request(`${url}/warm`), CREDENTIAL, limits())).body);
    const late = upstream.send(request(`${url}/late`), CREDENTIAL, {
      ...limits(),
      startBefore: performance.now() - 1,
    });
    expect((await failure(late)).kind).toBe('unavailable');
    expect(seen).toEqual(['/warm']);
  });
});

describe('the length of an answer', () => {
  it('is not known where it is not said', async () => {
    const url = await serving((_incoming, outgoing) => {
      outgoing.write('in ');
      outgoing.end('pieces');
    });
    const answer = await opened().send(request(url), CREDENTIAL, limits());
    expect(answer.length).toBeNull();
    expect(await textOf(answer.body)).toBe('in pieces');
  });
});

describe('what is sent', () => {
  it('is the request as it stands, with the credential and a plea for plain bytes', async () => {
    const seen: IncomingMessage[] = [];
    let body = '';
    const url = await serving((incoming, outgoing) => {
      seen.push(incoming);
      incoming.on('data', (chunk) => {
        body += String(chunk);
      });
      incoming.on('end', () => outgoing.setHeader('x-two', ['a', 'b']).end('done'));
    });
    const answer = await opened().send(request(`${url}/graphql/v2?a=%2F`), CREDENTIAL, limits());
    expect(await textOf(answer.body)).toBe('done');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-two')).toBe('a, b');
    expect(answer.headers.has('transfer-encoding')).toBe(false);
    expect(answer.length).toBe(4);
    expect(body).toBe('{}');
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/graphql/v2?a=%2F' });
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer r00t-credential',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'content-length': '2',
    });
  });

  it('goes over kept-alive connections, one request after another', async () => {
    const ports = new Set<number | undefined>();
    const url = await serving((incoming, outgoing) => {
      ports.add(incoming.socket.remotePort);
      outgoing.end();
    });
    const upstream = opened();
    for (let i = 0; i < 20; i += 1) {
      await textOf((await upstream.send(request(url), CREDENTIAL, limits())).body);
    }
    // The next one may begin before the last connection is known to be free again.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it('follows no redirect', async () => {
    const targets: (string | undefined)[] = [];
    const url = await serving((incoming, outgoing) => {
      targets.push(incoming.url);
      outgoing.writeHead(307, { location: '/elsewhere' }).end();
    });
    const answer = await opened().send(request(`${url}/here`), CREDENTIAL, limits());
    await textOf(answer.body);
    expect([answer.status, targets]).toEqual([307, ['/here']]);
  });

  it.each<[string, (url: string) => OutboundRequest]>([
    ['in clear to another machine', () => request('http://example.com/')],
    ['to another kind of place', () => request('ftp://127.0.0.1/')],
    ['with a user in its URL', (url) => request(url.replace('//', '//me:secret@'))],
    ['with a credential of its own', (url) => request(url, { headers: { authorization: 'x' } })],
    ['with framing of its own', (url) => request(url, { headers: { 'transfer-encoding': 'x' } })],
    ['with a header in another case', (url) => request(url, { headers: { Accept: 'x' } })],
  ])('is never %s', async (_, make) => {
    let asked = 0;
    const url = await serving((_incoming, outgoing) => {
      asked += 1;
      outgoing.end();
    });
    const error = await failure(opened().send(make(url), CREDENTIAL, limits()));
    expect(error.kind).toBe('misconfigured');
    expect(asked).toBe(0);
  });
});

describe('what goes wrong', () => {
  it('is unavailable while nothing was sent', async () => {
    const closed = createPlainServer();
    const url = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    expect((await failure(opened().send(request(url), CREDENTIAL, limits()))).kind).toBe(
      'unavailable',
    );
  });

  it('is an unknown outcome once something may have been sent', async () => {
    const url = await listen(
      createPlainServer((socket) => socket.once('data', () => socket.destroy())),
    );
    expect((await failure(opened().send(request(url), CREDENTIAL, limits()))).kind).toBe(
      'unknown_outcome',
    );
  });

  it('is late where no headers come within the patience', async () => {
    const url = await serving(() => undefined);
    expect((await failure(opened().send(request(url), CREDENTIAL, limits(50)))).kind).toBe(
      'unknown_outcome',
    );
  });

  it('is unavailable for whoever was told to stop before it began', async () => {
    const url = await serving((_incoming, outgoing) => outgoing.end());
    const told = limits(5_000, AbortSignal.abort());
    expect((await failure(opened().send(request(url), CREDENTIAL, told))).kind).toBe('unavailable');
  });

  it('is said without the words of anybody, and without the credential', async () => {
    const url = await listen(
      createPlainServer((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 r00t-credential')),
      ),
    );
    const error = await failure(opened().send(request(url), CREDENTIAL, limits()));
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain('r00t');
    expect(error.cause).toBeUndefined();
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['x-unheard-of', (bytes: Buffer) => bytes],
  ])('is an answer in %s, which nobody asked for', async (encoding, encode) => {
    const url = await serving((_incoming, outgoing) =>
      outgoing.setHeader('content-encoding', encoding).end(encode(Buffer.from('r00t'))),
    );
    expect((await failure(opened().send(request(url), CREDENTIAL, limits()))).kind).toBe(
      'unknown_outcome',
    );
  });

  it('is a body that breaks off, heard of by whoever reads it', async () => {
    const url = await serving((_incoming, outgoing) => {
      outgoing.write('half');
      setImmediate(() => outgoing.destroy());
    });
    const answer = await opened().send(request(url), CREDENTIAL, limits());
    expect((await failure(textOf(answer.body))).kind).toBe('unknown_outcome');
  });

  it('is a body that is cut by a signal while it comes', async () => {
    const url = await serving((_incoming, outgoing) => outgoing.write('beginning'));
    const cutting = new AbortController();
    const answer = await opened().send(request(url), CREDENTIAL, limits(5_000, cutting.signal));
    const reading = failure(textOf(answer.body));
    cutting.abort();
    expect((await reading).kind).toBe('unknown_outcome');
  });

  it('is a certificate that nobody vouches for, whatever the environment says', async () => {
    let asked = 0;
    const tls = (name: string) =>
      readFileSync(new URL(`../../providers/postgres/test/support/tls/${name}`, import.meta.url));
    const server = createSecureServer(
      { key: tls('server.key'), cert: tls('server.pem') },
      (_incoming, outgoing) => {
        asked += 1;
        outgoing.end();
      },
    );
    const url = await listen(server);
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    undo.push(() => {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    });
    const secure = url.replace('http:', 'https:');
    expect((await failure(opened().send(request(secure), CREDENTIAL, limits()))).kind).toBe(
      'unavailable',
    );
    expect(asked).toBe(0);
  });
});
