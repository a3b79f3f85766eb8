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

/** One request at a time is asked, so these are the last bytes of its answer. */
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

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
  return postOf(url, 'application/x-www-form-urlencoded', form.toString(), headers);
}

/** A JSON document as the bytes of a whole POST. */
export function jsonRequest(url: URL, body: string, headers: readonly string[] = []): Buffer {
  return postOf(url, 'application/json', body, headers);
}

function postOf(url: URL, type: string, body: string, headers: readonly string[]): Buffer {
  return Buffer.from(
    [
      `POST ${url.pathname} HTTP/1.1`,
      `Host: ${url.host}`,
      `Content-Type: ${type}`,
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

/** Null while it is not all there. Token servers answer with a length, what is streamed comes in chunks. */
function wholeAnswer(received: Buffer): Answer | null {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = received.toString('latin1', 0, end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const from = end + 4;
  if (length === undefined) {
    if (!/\r\ntransfer-encoding: chunked/i.test(head)) {
      throw new Error(`an answer without a length: ${head.slice(0, 120)}`);
    }
    return received.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
      ? { status: Number(head.slice(9, 12)), body: received.subarray(from) }
      : null;
  }
  if (received.length < from + Number(length)) return null;
  return {
    status: Number(head.slice(9, 12)),
    body: received.subarray(from, from + Number(length)),
  };
}
