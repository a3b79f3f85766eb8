/** The listener: who may knock, and how it lets everyone go at a stop. */
import { createServer } from 'node:http';
import { getRequestListener, type Http2Bindings, type HttpBindings } from '@hono/node-server';
import type { Config } from './config.ts';
import type { App } from './metrics/measured.ts';
import { unlistenable } from './preflight.ts';
import type { Stopping } from './stopping.ts';
import { readOrCut } from './unread.ts';
import { REQUEST_LIMITS, readable, refuseUnreadable } from './unreadable.ts';

/** Milliseconds that requests under way are given at a stop. */
const LONGEST_DRAIN = 10_000;
/**
 * Milliseconds an idle connection is kept. Longer than proxies keep theirs, so that it is they who close:
 * a request sent into a connection that the server is just closing is lost.
 */
const KEEP_IDLE = 75_000;

export interface Listening {
  readonly port: number;
  /** Lets requests under way finish, cuts what takes too long, and resolves when nobody is connected. */
  close(): Promise<void>;
}

export interface ListenerOptions {
  readonly config: Config;
  readonly stopping: Stopping;
  readonly app: App;
  /** Told where each request comes from before the application sees it. */
  readonly from: (request: Request, peer: string) => void;
  /** Whether a request may come from any peer, for what it shows. */
  readonly opens: (request: Request) => boolean;
  /** Told of peers that were turned away. */
  readonly onStranger: (peer: string) => void;
}

/** Tokens travel here, so an https issuer is spoken to through its proxies only. @throws what listening does */
export async function openListener(options: ListenerOptions): Promise<Listening> {
  const { config, stopping, app, from, opens, onStranger } = options;
  const { trustedProxies } = config;
  async function answer(
    request: Request,
    bindings: HttpBindings | Http2Bindings,
  ): Promise<Response> {
    const peer = (bindings.incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    from(request, peer);
    if (trustedProxies !== null && !isTrusted(trustedProxies, peer) && !opens(request)) {
      onStranger(peer);
      return untrustedPeer();
    }
    const response = await app.fetch(request, bindings);
    // Whoever keeps connections open learns to take their next request elsewhere.
    if (stopping.begun.aborted) response.headers.set('connection', 'close');
    return response;
  }
  const handle = getRequestListener(answer, { hostname: config.host });
  const server = createServer(
    { ...REQUEST_LIMITS, keepAliveTimeout: KEEP_IDLE },
    readOrCut(readable((incoming, outgoing) => void handle(incoming, outgoing))),
  );
  refuseUnreadable(server);
  return await new Promise((resolve, reject) => {
    server.once('error', (error) => reject(unlistenable(error, config.host, config.port)));
    server.listen(config.port, config.host, () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : config.port,
        close: () =>
          new Promise((closed) => {
            const cut = (): void => server.closeAllConnections();
            const timer = setTimeout(cut, LONGEST_DRAIN);
            server.close(() => {
              clearTimeout(timer);
              stopping.cutting.removeEventListener('abort', cut);
              closed();
            });
            server.closeIdleConnections();
            stopping.cutting.addEventListener('abort', cut, { once: true });
            if (stopping.cutting.aborted) cut();
          }),
      });
    });
  });
}

/** RFC 9457, as every refusal. */
function untrustedPeer(): Response {
  const problem = {
    type: 'urn:countersign:problem:forbidden',
    title: 'Forbidden',
    status: 403,
    detail: 'This broker is reached through its proxies only.',
    code: 'forbidden',
  };
  return new Response(JSON.stringify(problem), {
    status: 403,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  });
}

function isTrusted(list: NonNullable<Config['trustedProxies']>, peer: string): boolean {
  return list.check(peer, peer.includes(':') ? 'ipv6' : 'ipv4');
}
