/**
 * The smallest HTTP/1.1 client that is still honest: one keep-alive connection, one request at a time,
 * prepared bytes out, status and body back. Clients share the machine with what they measure, so every
 * microsecond they take is taken from all subjects alike.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface KeepAlive {
  /** @throws Error when the connection ends before the answer does */
  send(request: Buffer): Promise<Answer>;
  close(): void;
}

/** A form as the bytes of a whole POST. */
export function formRequest(
  url: URL,
  form: URLSearchParams,
  headers: readonly string[] = [],
): Buffer {
  const body = form.toString();
  return Buffer.from(
    [
      `POST ${url.pathname} HTTP/1.1`,
      `Host: ${url.host}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
      '',
      body,
    ].join('\r\n'),
  );
}

export async function openKeepAlive(port: number): Promise<KeepAlive> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return overSocket(socket);
}

function overSocket(socket: Socket): KeepAlive {
  let received: Buffer = Buffer.alloc(0);
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | null = null;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = null;
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed the connection')));
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = wholeAnswer(received);
    if (answer === null || waiting === null) return;
    const { resolve } = waiting;
    waiting = null;
    received = Buffer.alloc(0);
    resolve(answer);
  });
  return {
    send(request) {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      });
    },
    close: () => socket.destroy(),
  };
}

/** Null while it is not all there. Every subject answers with a length. */
function wholeAnswer(received: Buffer): Answer | null {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = received.toString('latin1', 0, end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${head.slice(0, 120)}`);
  const from = end + 4;
  if (received.length < from + Number(length)) return null;
  return {
    status: Number(head.slice(9, 12)),
    body: received.subarray(from, from + Number(length)),
  };
}
