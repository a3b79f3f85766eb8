/** HTTP as it goes over the wire: targets, headers and bodies that `fetch` would correct or refuse to send. */

import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Sent {
  readonly method: string;
  /** The request target, as it stands. */
  readonly target: string;
  /** A list is sent as that many headers. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const kept = new Agent({ keepAlive: true, maxSockets: 8 });

/** Resolves with the answer even when the server stops reading the body before its end. */
export async function send(port: number, sent: Sent): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      // The server hangs up on whoever sends too much: that connection is nobody else's.
      agent: Buffer.byteLength(sent.body ?? '') > 65_536 ? new Agent({ keepAlive: true }) : kept,
      method: sent.method,
      path: sent.target,
      headers: {
        ...sent.headers,
        ...(sent.body === undefined ? {} : { 'content-length': Buffer.byteLength(sent.body) }),
      },
    });
    let answered = false;
    outgoing.once('error', (error) => {
      if (answered) return;
      // A kept connection may have been closed just before it was used again (RFC 9112 section 9.3.1).
      if (outgoing.reusedSocket) resolve(send(port, sent));
      else reject(error);
    });
    outgoing.once('response', (incoming) => {
      answered = true;
      let body = '';
      incoming.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      const done = () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
      incoming.once('end', done).once('error', done);
    });
    outgoing.end(sent.body);
  });
}

/** A connection nobody has said anything on yet. */
export async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** What comes back until the server closes. */
export async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

/** Sends bytes on a connection of their own and returns everything that comes back until it is closed. */
export async function exchangeBytes(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = await dial(port);
  const closed = untilClosed(socket);
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  return await closed;
}
