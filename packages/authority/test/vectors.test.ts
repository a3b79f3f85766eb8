import { readFileSync } from 'node:fs';
import { isAuthorityEntryType } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import {
  canonicalBytes,
  decodeStatement,
  digestOf,
  emptyState,
  fold,
  signerOf,
  signStatement,
  thumbprintOf,
  verifySignature,
} from '../src/index.ts';
import { snapshot } from './support/snapshot.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/statements.json', import.meta.url), 'utf8'),
);

function entryOf(state: { size: number }, entry: { type: string; body: unknown }) {
  if (!isAuthorityEntryType(entry.type)) throw new Error(`no authority entry: ${entry.type}`);
  return { index: state.size, time: vectors.time, type: entry.type, body: entry.body };
}

/** What the fold makes of all that is accepted, and how each entry fared. */
async function foldAccepted() {
  const state = emptyState();
  const folded: { name: string; status: string; refusal: unknown }[] = [];
  for (const { name, entry } of vectors.accepted) {
    const refusal = await fold(state, entryOf(state, entry));
    const id = entry.body.statement ?? decodeStatement(entry.body.envelope.payload).statement.id;
    folded.push({ name, status: state.statements.get(id)?.status ?? 'unknown', refusal });
  }
  return { state, folded };
}

describe('statements that another program made', () => {
  test('are accepted, in order', async () => {
    const { state, folded } = await foldAccepted();
    expect(folded).toEqual(
      vectors.accepted.map(({ name, status }: { name: string; status: string }) => ({
        name,
        status,
        refusal: null,
      })),
    );
    expect(state.broker).toBe(vectors.accepted[0].digest);
    expect(state.humans.get(vectors.ids.bob)).toMatchObject({ name: 'bob', vouchedByOne: true });
    expect([...state.keys.keys()]).toEqual([vectors.keys.alice.kid, vectors.keys.bob.kid]);
  });

  const documents = vectors.accepted.filter((vector: { bytes?: string }) => vector.bytes);
  test.each<{ name: string; bytes: string; digest: string; entry: { body: unknown } }>(documents)(
    'have one byte form and one digest: $name',
    ({ bytes, digest }) => {
      const value: unknown = JSON.parse(bytes);
      expect(Buffer.from(canonicalBytes(value)).toString('utf8')).toBe(bytes);
      expect(digestOf(Buffer.from(bytes, 'utf8'))).toBe(digest);
    },
  );
});

test.each(['alice', 'bob', 'ledger'])('the thumbprint of the key of %s', async (name) => {
  expect(await thumbprintOf(vectors.keys[name].jwk)).toBe(vectors.keys[name].kid);
});

test('signing gives the other program’s signature, byte for byte', async () => {
  const { bytes, signature } = vectors.signing;
  const decoded = decodeStatement(Buffer.from(bytes, 'utf8').toString('base64url'));
  const { jwk, seed } = vectors.keys.alice;
  const privateJwk = { ...jwk, d: Buffer.from(seed, 'hex').toString('base64url') };
  const made = await signStatement(decoded, new Secret('test key', JSON.stringify(privateJwk)));
  expect(made).toEqual(signature);
  expect(signerOf(signature)).toBe(vectors.keys.alice.kid);
  expect(await verifySignature(decoded.payload, signature, jwk)).toBe(true);
  expect(await verifySignature(decoded.payload, signature, vectors.keys.bob.jwk)).toBe(false);
});

describe('refused, and the state stays as it was', () => {
  test.each<{ name: string; code: string; words: string; entry: { type: string; body: unknown } }>(
    vectors.refused,
  )('$name', async ({ code, words, entry }) => {
    const { state } = await foldAccepted();
    const before = snapshot(state);
    const refusal = await fold(state, entryOf(state, entry));
    expect(refusal).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(snapshot(state)).toBe(before);
  });

  test('whatever has not even the shape of an entry', async () => {
    const { state } = await foldAccepted();
    const types = ['statement.proposed', 'statement.signed', 'catalog.recorded'] as const;
    for (const type of types) {
      for (const body of [null, 0, '', [], {}, { envelope: null }, { digest: 'x' }]) {
        expect(await fold(state, entryOf(state, { type, body }))).toMatchObject({
          code: 'invalid_request',
        });
      }
    }
  });
});
