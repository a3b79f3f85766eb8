/**
 * The bare limit: verify an assertion, insert one row in a shared commit, sign a token, and nothing else.
 * No parsing beyond what that takes, no authority, no decision, no ledger. What a broker of this kind
 * costs at least, with the same libraries on the same machine.
 */
import { createServer } from 'node:http';
import { compactVerify, importJWK, type JWK, SignJWT } from 'jose';
import postgres from 'postgres';

const { PORT, DATABASE_URL = '', CLIENT_JWK = '{}', SIGNING_JWK = '{}' } = process.env;
const issuer = `http://localhost:${PORT}`;
const parse = (text: string): JWK => JSON.parse(text);
const clientKey = await importJWK(parse(CLIENT_JWK), 'EdDSA');
const signingKey = await importJWK(parse(SIGNING_JWK), 'EdDSA');
const sql = postgres(DATABASE_URL, { max: 1, onnotice: () => undefined });
await sql`drop schema if exists bare cascade`;
await sql`create schema bare`;
await sql`create table bare.issued (jti text primary key, bytes bytea not null)`;

interface Waiting {
  readonly jti: string;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
let queue: Waiting[] = [];
let running = false;

function durable(jti: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    queue.push({ jti, bytes, resolve, reject });
    if (!running) void commit();
  });
}

async function commit(): Promise<void> {
  running = true;
  await null;
  while (queue.length > 0) {
    const batch = queue;
    queue = [];
    try {
      await sql`insert into bare.issued (jti, bytes) select * from unnest(
        ${sql.array(
          batch.map(({ jti }) => jti),
          1009,
        )}::text[],
        ${sql.array(
          batch.map(({ bytes }) => bytes),
          1001,
        )}::bytea[])`;
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
  running = false;
}

async function issue(body: string): Promise<string> {
  const assertion = new URLSearchParams(body).get('client_assertion') ?? '';
  const { payload } = await compactVerify(assertion, clientKey, { algorithms: ['EdDSA'] });
  const { jti, aud, sub } = JSON.parse(Buffer.from(payload).toString('utf8'));
  if (aud !== issuer) throw new Error('another audience');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub, aud: issuer, iat: now, exp: now + 300, jti };
  await durable(jti, Buffer.from(JSON.stringify(claims)));
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
    .sign(signingKey);
  return JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 300 });
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => {
    issue(body).then(
      (answer) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(answer),
        });
        response.end(answer);
      },
      () => {
        response.writeHead(400, { 'content-length': 0 });
        response.end();
      },
    );
  });
});
server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('listening\n'));
