/** The simulator on a port of this machine, for whatever speaks HTTP. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { RailwaySimulator, SimulatorRequest } from '../simulator.ts';
import { ENDPOINT_PATH } from '../simulator.ts';
import { LARGEST_BODY } from './read-body.ts';

export interface ServedSimulator {
  /** The whole URL of the endpoint. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** As much as is needed to see that a body is too large, and no more. */
async function readUpTo(message: IncomingMessage, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    chunks.push(chunk);
    if (length > limit) break;
  }
  return Buffer.concat(chunks);
}

async function answer(
  simulator: RailwaySimulator,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const body = await readUpTo(message, LARGEST_BODY);
  const request: SimulatorRequest = {
    method: message.method ?? 'GET',
    path: message.url ?? '/',
    headers,
    body,
  };
  const given = await simulator.handle(request);
  if (given === 'cut') {
    message.socket.destroy();
    return;
  }
  response.writeHead(given.status, {
    ...given.headers,
    'content-length': Buffer.byteLength(given.body),
  });
  response.end(given.body);
}

/**
 * Listens on 127.0.0.1 until closed. WebSockets are not served: an upgrade is answered as the request it came with.
 *
 * @param port 0, the default, takes a free one.
 */
export function serveSimulator(
  simulator: RailwaySimulator,
  { port = 0 }: { readonly port?: number } = {},
): Promise<ServedSimulator> {
  const server = createServer((message, response) => {
    answer(simulator, message, response).catch((thrown: unknown) => {
      // Not Railway's doing: the simulator itself is wrong, or the client has gone.
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(`the simulator failed: ${String(thrown)}`);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address !== 'object' || address === null) return reject(new Error('no address'));
      resolve({
        port: address.port,
        url: `http://127.0.0.1:${address.port}${ENDPOINT_PATH}`,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
