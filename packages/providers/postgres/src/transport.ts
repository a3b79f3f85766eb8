/**
 * A connected byte stream to a PostgreSQL server, before any protocol: TCP on this machine, verified
 * TLS to any other. The driver's own TLS would encrypt without knowing to whom.
 */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ProviderError } from '@countersign/provider-kit';
import { isLoopback } from './config.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly sslmode: 'verify-full' | 'disable';
  /** PEM; absent: the certificate authorities that Node trusts. */
  readonly ca?: string | undefined;
}

/** Int32 length 8, Int32 80877103: the SSLRequest message. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const SSL_ACCEPTED = 'S'.charCodeAt(0);

/** @throws ProviderError `unavailable` when nothing answers, `misconfigured` when the wrong one does */
export async function openTransport(address: Address, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({
    host: address.host,
    port: address.port,
    keepAlive: true,
    noDelay: true,
  });
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', abort);
  try {
    await once(socket, 'connect', { signal });
    return address.sslmode === 'disable'
      ? requireLoopback(socket)
      : await startTls(socket, address, signal);
  } catch (error) {
    socket.destroy();
    throw error instanceof ProviderError
      ? error
      : new ProviderError('unavailable', `PostgreSQL is not reachable (${codeOf(error)}).`);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** `localhost` is a name, and a name can be made to mean another machine. */
function requireLoopback(socket: Socket): Socket {
  const { remoteAddress } = socket;
  // A connection that was reset meanwhile has no peer any more: that says nothing of where it went.
  if (remoteAddress === undefined) throw new ProviderError('unavailable', CLOSED);
  if (isLoopback(remoteAddress)) return socket;
  throw new ProviderError('misconfigured', 'The host of this connection is not on this machine.');
}

async function startTls(socket: Socket, address: Address, signal: AbortSignal): Promise<Socket> {
  socket.write(SSL_REQUEST);
  await requireAcceptance(socket, signal);
  const secure = connectTls({
    socket,
    host: address.host,
    ...(isIP(address.host) === 0 ? { servername: address.host } : {}),
    ...(address.ca === undefined ? {} : { ca: address.ca }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  });
  try {
    await once(secure, 'secureConnect', { signal });
  } catch (error) {
    secure.destroy();
    if (signal.aborted) throw error;
    throw new ProviderError(
      'misconfigured',
      `The server's TLS certificate or handshake was refused (${codeOf(error)}).`,
    );
  }
  return secure;
}

/**
 * Exactly one byte, `S`. More than one would be plaintext smuggled in front of the handshake
 * (CVE-2021-23222), and any other byte is a server that will not encrypt.
 */
async function requireAcceptance(socket: Socket, signal: AbortSignal): Promise<void> {
  const ended = new Promise<never>((_, reject) => {
    socket.once('close', () => reject(new ProviderError('unavailable', CLOSED)));
  });
  ended.catch(() => {});
  await Promise.race([once(socket, 'readable', { signal }), ended]);
  const answer: unknown = socket.read();
  if (Buffer.isBuffer(answer) && answer.length === 1 && answer[0] === SSL_ACCEPTED) return;
  if (answer === null) throw new ProviderError('unavailable', CLOSED);
  throw new ProviderError(
    'misconfigured',
    'The server does not offer TLS. Set ssl = on there; the password was not sent.',
  );
}

const CLOSED = 'PostgreSQL closed the connection before it began.';

/** The error's code, which names no secret, never its message. */
function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  return 'no code';
}
