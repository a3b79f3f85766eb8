import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientFinal, clientFirstBare, isServerFinal, scramVerifier } from '../src/scram.ts';

interface Vectors {
  readonly exchange: Readonly<Record<string, string>>;
  readonly verifier: string;
}

const vectors: Vectors = JSON.parse(
  await readFile(new URL('../../../../test/vectors/scram-sha-256.json', import.meta.url), 'utf8'),
);
const { username, password = '', client_nonce = '', server_first = '' } = vectors.exchange;
const firstBare = clientFirstBare(client_nonce, username);

it('answers the challenge of RFC 7677 as the RFC does', async () => {
  expect(await clientFinal(password, firstBare, server_first)).toEqual({
    message: vectors.exchange['client_final'],
    serverFinal: vectors.exchange['server_final'],
  });
});

it('makes the verifier that PostgreSQL makes', async () => {
  const salt = Buffer.from(/:([^$]+)\$/.exec(vectors.verifier)?.[1] ?? '', 'base64');
  expect(await scramVerifier(password, salt)).toBe(vectors.verifier);
});

describe('refuses a challenge', () => {
  const nonce = `${client_nonce}theirs`;
  it.each([
    ['with a nonce that is not ours continued', 'r=someoneElses,s=QUFB,i=4096'],
    ['that adds nothing to our nonce', `r=${client_nonce},s=QUFB,i=4096`],
    ['with too few iterations to hide the password', `r=${nonce},s=QUFB,i=4095`],
    ['with one iteration', `r=${nonce},s=QUFB,i=1`],
    ['with iterations for hours', `r=${nonce},s=QUFB,i=9999999`],
    ['with iterations beyond any number', `r=${nonce},s=QUFB,i=99999999999999999999`],
    ['with a mandatory extension', `m=x,r=${nonce},s=QUFB,i=4096`],
    ['without salt', `r=${nonce},s=,i=4096`],
    ['that is an error', 'e=other-error'],
    ['that is empty', ''],
  ])('%s', async (_, serverFirst) => {
    expect(await clientFinal(password, firstBare, serverFirst)).toBeNull();
  });
});

it('believes no other server signature', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (expected, received) => {
      expect(isServerFinal(expected, received)).toBe(expected === received);
    }),
  );
});
