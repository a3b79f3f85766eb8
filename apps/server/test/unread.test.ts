/** Whoever asks and does not read is cut, and nobody else is. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { readOrCut } from '../src/unread.ts';

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** More than the buffers of any system between two sockets. */
const LARGE = Buffer.alloc(64 * 1024 * 1024);

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function dialTo(
  listener: RequestListener,
  limits: { readonly mostWaiting: number; readonly longestUnread: number },
): Promise<{ readonly client: Socket; readonly served: Socket }> {
  const started = createServer(readOrCut(listener, limits));
  server = started;
  await new Promise<void>((resolve) => {
    started.listen(0, '127.0.0.1', resolve);
  });
  const address = started.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const accepted = once(started, 'connection');
  const client = connect(address.port, '127.0.0.1');
  client.on('error', () => undefined);
  const [served]: Socket[] = await accepted;
  if (served === undefined) throw new Error('no connection');
  return { client, served };
}

test('more requests ahead of their answers than anyone sends', async () => {
  let asked = 0;
  const never: RequestListener = () => {
    asked += 1;
  };
  const { client, served } = await dialTo(never, { mostWaiting: 3, longestUnread: 60_000 });
  client.resume().write(GET.repeat(100));
  await once(served, 'close');
  expect(asked).toBe(3);
});

test('an answer that is left lying', async () => {
  const large: RequestListener = (_, outgoing) => outgoing.end(LARGE);
  const { client, served } = await dialTo(large, { mostWaiting: 3, longestUnread: 200 });
  client.pause().write(GET);
  await once(served, 'close');
  expect(served.bytesWritten).toBeGreaterThan(0);
});

test('whoever reads may ask as often as they like', async () => {
  const small: RequestListener = (_, outgoing) => outgoing.end('ok');
  const { client, served } = await dialTo(small, { mostWaiting: 1, longestUnread: 60_000 });
  for (let i = 0; i < 20; i += 1) {
    const answered = once(client, 'data');
    client.write(GET);
    await answered;
  }
  expect(served.destroyed).toBe(false);
  client.destroy();
});
