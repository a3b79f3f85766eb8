/**
 * A wire that breaks on purpose. Between a store and its database it loses a statement, or its answer,
 * or holds it back, at the moment a test names.
 */
import { connect, createServer, type Socket } from 'node:net';

export interface Fault {
  /** Armed once the client has sent this text on a connection… */
  readonly after: string;
  /** …and struck when it sends this one there (in the same breath or later). */
  readonly at: string;
  /**
   * lose: not delivered, connection cut. lose-answer: delivered, connection cut. end-session: delivered, and
   * in place of the answer PostgreSQL's word that it ends the session. hold: kept until `deliver`.
   */
  readonly how: 'lose' | 'lose-answer' | 'end-session' | 'hold';
  /** No connection from then on. */
  readonly forGood?: boolean;
}

export interface Wire {
  readonly url: string;
  strike(fault: Fault): void;
  /** Whether the latest fault was struck. */
  struck(): boolean;
  /** Hands over what was held back, and resolves when the server has answered or hung up. */
  deliver(): Promise<void>;
  close(): Promise<void>;
}

/** ErrorResponse: FATAL, `admin_shutdown`. */
const ENDED = frame('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0');

function frame(type: string, body: string): Buffer {
  const bytes = Buffer.from(`${type}....${body}`, 'latin1');
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}

export async function startWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let fault: Fault | null = null;
  let held: (() => Promise<void>) | null = null;

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('close', () => upstream.end());
    upstream.on('close', () => {
      if (losing !== 'end-session') client.destroy();
    });
    let sent = '';
    let losing: 'lose-answer' | 'end-session' | null = null;
    client.on('data', (chunk) => {
      if (fault === null) return void upstream.write(chunk);
      sent += chunk.toString('latin1');
      const armed = sent.indexOf(fault.after);
      if (armed < 0 || !sent.includes(fault.at, armed)) return void upstream.write(chunk);
      const { how, forGood } = fault;
      fault = null;
      if (forGood === true) server.close();
      if (how === 'lose') return cut();
      if (how !== 'hold') {
        losing = how;
        return void upstream.write(chunk);
      }
      held = () =>
        new Promise((resolve) => {
          upstream.once('data', () => resolve());
          upstream.once('close', () => resolve());
          upstream.write(chunk);
        });
    });
    upstream.on('data', (chunk) => {
      if (losing === null) return void client.write(chunk);
      // 'Z': ready for query, so the statement is over.
      if (!chunk.includes('Z\0\0\0\x05', 0, 'latin1')) return;
      if (losing === 'lose-answer') return cut();
      client.end(ENDED);
      upstream.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(typeof address === 'object' && address !== null ? address.port : 0);
  return {
    url: url.href,
    strike(next) {
      fault = next;
    },
    struck: () => fault === null,
    async deliver() {
      await held?.();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
