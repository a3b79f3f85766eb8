/**
 * The bare limit: verify an assertion, insert one row in a shared commit, sign a token, and nothing else.
 * No parsing beyond what that takes, no authority, no decision, no ledger. What a broker of this kind
 * costs at least, with the same libraries on the same machine.
 */
import { createServer } from 'node:http';
import { compactVerify, importJWK, type JWK, SignJWT } from 'jose';
import { sharedCommit } from './shared-commit.ts';

const { PORT, DATABASE_URL = '', CLIENT_JWK = '{}', SIGNING_JWK = '{}' } = process.env;
const issuer = `http://localhost:${PORT}`;
const parse = (text: string): JWK => JSON.parse(text);
const clientKey = await importJWK(parse(CLIENT_JWK), 'EdDSA');
const signingKey = await importJWK(parse(SIGNING_JWK), 'EdDSA');
const durable = await sharedCommit(DATABASE_URL, 'bare');

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
