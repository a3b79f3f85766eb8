/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), both of its ends that a broker needs: the verifier of a password
 * that must never cross to the server, and the client that proves a password and has the server prove
 * that it knows it too.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

/** RFC 7677 section 4. Fewer would let a server that is not ours guess the password from the proof. */
const FEWEST_ITERATIONS = 4096;
/** More than any PostgreSQL is set to; a hostile server must not buy hours of our processor. */
const MOST_ITERATIONS = 1_000_000;

/** Printable ASCII: what SASLprep (RFC 4013) leaves as it is. */
export function isPlainPassword(password: string): boolean {
  return /^[\x20-\x7e]+$/.test(password);
}

/** What `CREATE ROLE … PASSWORD` stores verbatim. Only of `A-Za-z0-9+/=$:-`, so it needs no escape. */
export async function scramVerifier(password: string, salt: Uint8Array): Promise<string> {
  const salted = await saltedPassword(password, salt, FEWEST_ITERATIONS);
  const storedKey = sha256(hmac(salted, 'Client Key')).toString('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  const encodedSalt = Buffer.from(salt).toString('base64');
  return `SCRAM-SHA-256$${FEWEST_ITERATIONS}:${encodedSalt}$${storedKey}:${serverKey}`;
}

export interface ClientFinal {
  readonly message: string;
  /** `v=…`, what a server that knows the verifier answers, and no other can. */
  readonly serverFinal: string;
}

/** The client's first message without its GS2 header. PostgreSQL takes the name from the start-up. */
export function clientFirstBare(nonce: string, username = ''): string {
  return `n=${username},r=${nonce}`;
}

/**
 * The client's answer to `server-first-message`, without channel binding (`n,,`), or null when the
 * server's message is not one: malformed, not our nonce continued, too few or too many iterations.
 */
export async function clientFinal(
  password: string,
  firstBare: string,
  serverFirst: string,
): Promise<ClientFinal | null> {
  const parts = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,6})$/.exec(
    serverFirst,
  );
  const [, nonce, salt, count] = parts ?? [];
  if (nonce === undefined || salt === undefined || count === undefined) return null;
  const ours = firstBare.slice(firstBare.indexOf(',r=') + 3);
  if (!nonce.startsWith(ours) || nonce.length === ours.length) return null;
  const iterations = Number(count);
  if (iterations < FEWEST_ITERATIONS || iterations > MOST_ITERATIONS) return null;

  const salted = await saltedPassword(password, Buffer.from(salt, 'base64'), iterations);
  const clientKey = hmac(salted, 'Client Key');
  const withoutProof = `c=biws,r=${nonce}`;
  const authMessage = `${firstBare},${serverFirst},${withoutProof}`;
  const signature = hmac(sha256(clientKey), authMessage);
  const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
  return {
    message: `${withoutProof},p=${Buffer.from(proof).toString('base64')}`,
    serverFinal: `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`,
  };
}

/** Constant-time comparison of the server's last message with what it must be. */
export function isServerFinal(expected: string, received: string): boolean {
  return timingSafeEqual(sha256(Buffer.from(expected)), sha256(Buffer.from(received)));
}

function saltedPassword(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return derive(password, salt, iterations, 32, 'sha256');
}

function hmac(key: Uint8Array, message: string): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
