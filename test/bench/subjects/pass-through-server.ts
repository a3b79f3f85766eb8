/**
 * The bare pass-through: a Hono server that puts the credential in and sends on what came. No token, no parsing, no
 * judgement, no entry. What a gateway of this kind costs at least, with the same libraries on the same machine. With
 * a database, one row for each request is on the disk before it is sent on: what the entry costs at least.
 */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { sharedCommit } from './shared-commit.ts';

const { PORT, UPSTREAM = '', CREDENTIAL = '', DATABASE_URL } = process.env;
const durable = DATABASE_URL === undefined ? null : await sharedCommit(DATABASE_URL, 'passed');
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const app = new Hono();

app.post('/gateway/railway/*', async (context) => {
  const body = Buffer.from(await context.req.arrayBuffer());
  await durable?.(randomUUID(), body);
  const { status, answer } = await forward(body);
  return context.body(answer, status, {
    'content-type': 'application/json',
    'content-length': String(answer.length),
  });
});

interface Forwarded {
  readonly status: 200 | 502;
  readonly answer: Uint8Array<ArrayBuffer>;
}

function forward(body: Buffer): Promise<Forwarded> {
  return new Promise((resolve, reject) => {
    const outgoing = request(UPSTREAM, {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${CREDENTIAL}`,
        'content-type': 'application/json',
        'content-length': body.length,
      },
    });
    outgoing.once('error', reject).once('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('end', () =>
        resolve({
          status: incoming.statusCode === 200 ? 200 : 502,
          answer: new Uint8Array(Buffer.concat(chunks)),
        }),
      );
      incoming.once('error', reject);
    });
    outgoing.end(body);
  });
}

serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' }, () =>
  process.stdout.write('listening\n'),
);
