/** Servers that are not what they should be. Whatever they ask for, the password must not reach them. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { afterEach, describe, expect, it } from 'vitest';
import { parseDraft } from '../src/config.ts';
import { openTarget } from '../src/connect.ts';

const PASSWORD = 'pa55word-of-the-root';
const random = { bytes: (length: number) => randomBytes(length) };

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const message = (kind: string, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(kind), int32(body.length + 4), body]);
const authentication = (code: number, body = ''): Buffer =>
  message('R', Buffer.concat([int32(code), Buffer.from(body)]));

const OK = authentication(0);
const CLEARTEXT = authentication(3);
const MD5 = authentication(5, 'salt');
const GSS = authentication(7);
const SASL = authentication(10, 'SCRAM-SHA-256\0\0');
const READY = message('Z', Buffer.from('I'));
const challenge = (received: Buffer, iterations: number): Buffer => {
  const nonce = /r=([^,]+)$/.exec(received.toString('latin1'))?.[1] ?? '';
  return authentication(
    11,
    `r=${nonce}xyz,s=${Buffer.from('salt').toString('base64')},i=${iterations}`,
  );
};

interface FakeServer {
  readonly port: number;
  received(): Buffer;
  connections(): number;
}

let running: { readonly server: Server; readonly sockets: Set<Socket> } | undefined;

afterEach(async () => {
  if (running === undefined) return;
  for (const socket of running.sockets) socket.destroy();
  running.server.close();
  await once(running.server, 'close');
  running = undefined;
});

/** Answers the n-th chunk it receives with the n-th of `answers`, and keeps all it received. */
async function fake(
  ...answers: readonly ((received: Buffer) => Uint8Array | null)[]
): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  let received = Buffer.alloc(0);
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    connections += 1;
    const left = [...answers];
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const answer = left.shift()?.(chunk);
      if (answer === null) socket.destroy();
      else if (answer !== undefined) socket.write(answer);
    });
  });
  running = { server, sockets };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, received: () => received, connections: () => connections };
}

/** What a connection to it fails with. Fails the test when it does not, or when it leaks. */
async function failure(
  server: FakeServer,
  change: Record<string, unknown> = {},
): Promise<ProviderError> {
  const config = parseDraft({
    host: '127.0.0.1',
    port: server.port,
    database: 'app',
    username: 'broker',
    sslmode: 'disable',
    ...change,
  });
  const target = openTarget(config, new Secret('root', PASSWORD), random);
  try {
    const error = await target
      .transaction(async () => 'connected')
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof ProviderError)) throw new Error(`expected a refusal, got ${error}`);
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(PASSWORD);
    expect(server.received().includes(PASSWORD)).toBe(false);
    return error;
  } finally {
    await target.close();
  }
}

describe('a server that asks for something else than a SCRAM proof gets nothing', () => {
  it.each([
    ['the password in clear', [() => CLEARTEXT]],
    [
      'the password in clear, after a notice',
      [() => Buffer.concat([message('N', Buffer.from('SNOTICE\0\0')), CLEARTEXT])],
    ],
    ['an MD5 of the password', [() => MD5]],
    ['GSSAPI', [() => GSS]],
    ['nothing at all (trust)', [() => Buffer.concat([OK, READY])]],
    ['SASL with another mechanism', [() => authentication(10, 'OAUTHBEARER\0\0')]],
    ['SASL with channel binding only', [() => authentication(10, 'SCRAM-SHA-256-PLUS\0\0')]],
    ['the password in clear in the middle of SASL', [() => SASL, () => CLEARTEXT]],
    ['nothing more in the middle of SASL', [() => SASL, () => Buffer.concat([OK, READY])]],
    ['one iteration', [() => SASL, (first: Buffer) => challenge(first, 1)]],
    ['a nonce of its own', [() => SASL, () => authentication(11, 'r=mine,s=c2FsdA==,i=4096')]],
    [
      'belief without a proof',
      [() => SASL, (first: Buffer) => challenge(first, 4096), () => Buffer.concat([OK, READY])],
    ],
    [
      'belief in a false proof',
      [
        () => SASL,
        (first: Buffer) => challenge(first, 4096),
        () => Buffer.concat([authentication(12, 'v=AAAA'), OK, READY]),
      ],
    ],
    ['its own word first', [() => READY]],
    ['a message of 2 GB', [() => Buffer.concat([Buffer.from('R'), int32(0x7fffffff)])]],
    ['a message shorter than its length', [() => Buffer.concat([Buffer.from('R'), int32(3)])]],
    ['an empty authentication', [() => message('R', Buffer.alloc(0))]],
  ])('%s', async (_, answers) => {
    const server = await fake(...answers);
    expect((await failure(server)).kind).toBe('misconfigured');
  });

  it('in single bytes, too', async () => {
    let answered = false;
    const server = await fake(() => {
      if (answered) return new Uint8Array();
      answered = true;
      const [socket] = running?.sockets ?? [];
      for (const byte of CLEARTEXT) socket?.write(Buffer.of(byte));
      return new Uint8Array();
    });
    expect((await failure(server)).kind).toBe('misconfigured');
  });
});

describe('TLS that is not', () => {
  const TLS = { host: '127.0.0.1', sslmode: 'verify-full' };
  it.each([
    ['a server that answers N', () => Buffer.from('N'), 'misconfigured'],
    ['a server that answers in plaintext', () => CLEARTEXT, 'misconfigured'],
    [
      'an S with plaintext behind it',
      () => Buffer.concat([Buffer.from('S'), CLEARTEXT]),
      'misconfigured',
    ],
    ['an S with no handshake behind it', () => Buffer.from('S'), 'misconfigured'],
    ['a server that hangs up', () => null, 'unavailable'],
  ])('%s: nothing but the request for TLS was sent', async (name, answer, kind) => {
    const handshakes = name.includes('no handshake') ? [() => CLEARTEXT] : [];
    const server = await fake(answer, ...handshakes);
    expect((await failure(server, TLS)).kind).toBe(kind);
    if (handshakes.length === 0) expect(server.received()).toHaveLength(8);
    expect(server.received().includes('broker')).toBe(false);
  });
});

it('a server that hangs up is unavailable, each time anew, and never hangs the pool', async () => {
  const server = await fake(() => null);
  for (const _ of [1, 2, 3, 4]) expect((await failure(server)).kind).toBe('unavailable');
  expect(server.connections()).toBe(4);
});

it('one pool survives failures of all its connections', async () => {
  const server = await fake(() => CLEARTEXT);
  const config = parseDraft({
    host: 'localhost',
    port: server.port,
    database: 'app',
    username: 'broker',
    sslmode: 'disable',
  });
  const target = openTarget(config, new Secret('root', PASSWORD), random);
  const attempts = Array.from({ length: 8 }, () => target.transaction(async () => 1));
  for (const outcome of await Promise.allSettled(attempts)) expect(outcome.status).toBe('rejected');
  await expect(target.transaction(async () => 1)).rejects.toBeInstanceOf(ProviderError);
  await target.close();
});

it('a silent server is unavailable after the connect timeout', async () => {
  const server = await fake();
  expect((await failure(server)).kind).toBe('unavailable');
}, 15_000);

it('a root password with several forms in SCRAM is refused in words', async () => {
  const server = await fake(
    () => SASL,
    (first) => challenge(first, 4096),
  );
  const config = parseDraft({
    host: '127.0.0.1',
    port: server.port,
    database: 'app',
    username: 'broker',
    sslmode: 'disable',
  });
  const target = openTarget(config, new Secret('root', 'pässword'), random);
  await expect(target.transaction(async () => 1)).rejects.toThrow(/printable ASCII/);
  await target.close();
});

it('an empty root password is refused before anything is asked', () => {
  const config = parseDraft({
    host: '127.0.0.1',
    database: 'app',
    username: 'broker',
    sslmode: 'disable',
  });
  expect(() => openTarget(config, new Secret('root', ''), random)).toThrow(ProviderError);
});
