/** A door before the broker that signs: for tools that can send anything but a DPoP proof. */
import { createServer, request } from 'node:http';
import type { Deployment } from './deployment.ts';
import type { Operation } from './openapi.ts';
import { type Callers, callersOf, type Headers } from './samples.ts';

export interface SigningProxy {
  readonly url: string;
  /** How many requests went through. */
  readonly count: () => number;
  close(): Promise<void>;
}

/** Milliseconds after which an agent's token (300 s) is got anew. */
const TOKEN_AGE = 200_000;

/** What stands for the credentials that an operation asks for. */
export const SIGN_ME = 'Bearer sign-this-request';

/** A request with `SIGN_ME` gets what its operation asks for; any other is as it came. */
export async function startSigningProxy(
  deployment: Deployment,
  operations: readonly Operation[],
): Promise<SigningProxy> {
  let callers = callersOf(deployment);
  let since = Date.now();
  let count = 0;
  const known = operations.map((operation) => ({
    operation,
    path: new RegExp(`^${operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));

  async function credentials(method: string, target: string): Promise<Headers> {
    if (Date.now() - since > TOKEN_AGE) {
      callers = callersOf(deployment);
      since = Date.now();
    }
    const path = target.replace(/\?.*$/s, '');
    const at = known.filter((each) => each.path.test(path));
    const { operation } = at.find((each) => each.operation.method === method) ?? at[0] ?? {};
    const all: Callers = await callers;
    const shown = operation === undefined ? {} : await all.rightful(operation)(method, target);
    return { authorization: [], ...shown };
  }

  const server = createServer({ requireHostHeader: false }, (incoming, outgoing) => {
    count += 1;
    const { method = '', url = '/', headers } = incoming;
    const forward = async (): Promise<void> => {
      const signed = headers.authorization === SIGN_ME ? await credentials(method, url) : {};
      const onward = request(
        {
          host: '127.0.0.1',
          port: deployment.broker.port,
          method,
          path: url,
          headers: { ...headers, host: 'localhost', ...signed },
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          answer.pipe(outgoing);
        },
      );
      onward.once('error', () => outgoing.destroy());
      incoming.pipe(onward);
    };
    forward().catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    count: () => count,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
