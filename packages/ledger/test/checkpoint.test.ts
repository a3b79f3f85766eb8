import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import vectors from '../../../test/vectors/checkpoint.json' with { type: 'json' };
import {
  checkpointBody,
  encodeVkey,
  openCheckpoint,
  openNote,
  parseVkey,
  signCheckpoint,
  signNote,
} from '../src/index.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** PKCS #8 of a raw Ed25519 seed, RFC 8410 section 7. */
const key = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${vectors.signer.seed}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const signer = {
  name: vectors.signer.name,
  publicKey: Buffer.from(vectors.signer.publicKey, 'hex'),
  sign: (bytes: Uint8Array) => sign(null, bytes, key),
};
const invalid = expect.objectContaining({ name: 'CountersignError', code: 'invalid_request' });

describe('signed note', () => {
  test.each(vectors.notes)('opens: $name', ({ note, vkeys, text }) => {
    expect(openNote(note, vkeys.map(parseVkey))).toBe(text);
  });

  test('no known keys, no text', () => {
    for (const { note } of vectors.notes) expect(() => openNote(note, [])).toThrow(invalid);
  });

  test.each(['', '\n', 'no newline', 'a\rb\n', 'nul\0\n', 'lone \ud800\n'])(
    'text %j cannot be signed',
    async (text) => {
      await expect(signNote(text, signer)).rejects.toThrow(invalid);
    },
  );
});

describe('verifier keys', () => {
  test.each([vectors.signer.vkey, ...vectors.notes.flatMap(({ vkeys }) => vkeys)])('%s', (vkey) => {
    const { name, keyId, publicKey } = parseVkey(vkey);
    expect(vkey.startsWith(`${name}+${keyId}+`)).toBe(true);
    expect(encodeVkey(name, publicKey)).toBe(vkey);
  });

  test.each(vectors.refusedVkeys)('refused: $name', ({ vkey }) => {
    expect(() => parseVkey(vkey)).toThrow(invalid);
  });

  test.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\nb', '\ud800'])(
    'refused: the key name %j',
    (name) => {
      expect(() => encodeVkey(name, signer.publicKey)).toThrow(invalid);
    },
  );
});

describe('checkpoint', () => {
  test.each(vectors.checkpoints)('opens: $name', ({ note, vkey, origin, size, root }) => {
    const checkpoint = openCheckpoint(note, vkey);
    expect({ ...checkpoint, root: hex(checkpoint.root) }).toEqual({ origin, size, root });
    if (!note.includes('\nextension\n')) {
      expect(note.startsWith(`${checkpointBody(checkpoint)}\n`)).toBe(true);
    }
  });

  test('signs what the second implementation signed, byte for byte', async () => {
    const vector = vectors.checkpoints.find(({ name }) => name === 'plain');
    const { origin, size, root, note } = vector ?? expect.fail('no vector');
    const checkpoint = { origin, size, root: Buffer.from(root, 'hex') };
    expect(await signCheckpoint(checkpoint, signer)).toBe(note);
  });

  test.each(vectors.refused)('refused: $name', ({ note }) => {
    expect(() => openCheckpoint(note, vectors.signer.vkey)).toThrow(invalid);
  });

  test('any single character changed or removed refuses it', () => {
    const note = vectors.checkpoints[1]?.note ?? expect.fail('no vector');
    for (let at = 0; at < note.length; at += 1) {
      for (const put of ['', '!', '\n']) {
        if (note[at] === put) continue;
        const changed = note.slice(0, at) + put + note.slice(at + 1);
        expect(() => openCheckpoint(changed, vectors.signer.vkey), changed).toThrow(invalid);
      }
    }
  });

  test('a signer whose key is another is found before the note is published', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const wrong = { ...signer, sign: (bytes: Uint8Array) => sign(null, bytes, privateKey) };
    const checkpoint = { origin: 'a', size: 1, root: Buffer.alloc(32) };
    await expect(signCheckpoint(checkpoint, wrong)).rejects.toThrow(
      expect.objectContaining({ code: 'broker_unavailable' }),
    );
  });

  test.each([
    { origin: '', size: 1, root: Buffer.alloc(32) },
    { origin: 'a\nb', size: 1, root: Buffer.alloc(32) },
    { origin: 'a', size: -1, root: Buffer.alloc(32) },
    { origin: 'a', size: 1.5, root: Buffer.alloc(32) },
    { origin: 'a', size: 2 ** 53, root: Buffer.alloc(32) },
    { origin: 'a', size: 1, root: Buffer.alloc(31) },
  ])('cannot be made of %j', (checkpoint) => {
    expect(() => checkpointBody(checkpoint)).toThrow(invalid);
  });
});
