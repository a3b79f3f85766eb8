import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newPrivateJwk, signingKeyOf } from '@countersign/client';
import { Secret } from '@countersign/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openKey, sealKey } from '../src/key-file.ts';
import { newDeviceKey } from '../src/new-profile.ts';

const PASSPHRASE = new Secret('passphrase', 'correct horse battery');
/** As the file holds it. */
type Sealed = Record<'key' | 'kdf' | 'jwe', Record<string, unknown>>;
let directory = '';
let file = '';
let key: Awaited<ReturnType<typeof newDeviceKey>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-key-'));
  file = join(directory, 'profiles', 'alice', 'key.json');
  key = await newDeviceKey();
  await sealKey(file, key, PASSPHRASE);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const secretPart = () => String(JSON.parse(key.secret.reveal()).d);

test('the right passphrase opens the key it was sealed with', async () => {
  const opened = await openKey(file, PASSPHRASE);
  expect((await signingKeyOf(opened)).thumbprint).toBe(key.kid);
});

test('a wrong passphrase opens nothing, and is told so plainly', async () => {
  const opened = openKey(file, new Secret('passphrase', 'correct horse batterz'));
  await expect(opened).rejects.toMatchObject({ code: 'wrong_passphrase', status: 1 });
  await expect(opened).rejects.not.toThrow(/batter/);
});

test('only the owner may read it, and no draft of it is left', async () => {
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, 'profiles'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, 'profiles', 'alice'))).mode & 0o777).toBe(0o700);
  expect(await readdir(join(directory, 'profiles', 'alice'))).toEqual(['key.json']);
});

test('the private key is nowhere on disk in the clear', async () => {
  const text = await readFile(file, 'utf8');
  const d = secretPart();
  expect(d).toHaveLength(43);
  for (const clear of [d, Buffer.from(d, 'base64url').toString('hex'), PASSPHRASE.reveal()]) {
    expect(text).not.toContain(clear);
  }
  expect(`${key.secret} ${JSON.stringify(key)}`).not.toContain(d);
});

test('two seals of one key share neither salt nor nonce', async () => {
  const other = join(directory, 'other.json');
  await sealKey(other, key, PASSPHRASE);
  const [one, two] = [
    JSON.parse(await readFile(file, 'utf8')),
    JSON.parse(await readFile(other, 'utf8')),
  ];
  expect(one.kdf.salt).not.toBe(two.kdf.salt);
  expect(one.jwe.iv).not.toBe(two.jwe.iv);
});

test.each<[string, (sealed: Sealed) => object]>([
  ['another kid', (sealed) => ({ ...sealed, kid: Buffer.alloc(32).toString('base64url') })],
  [
    'another public key',
    (sealed) => ({
      ...sealed,
      key: { ...sealed.key, x: Buffer.alloc(32).toString('base64url') },
    }),
  ],
  [
    'another salt',
    (sealed) => ({ ...sealed, kdf: { ...sealed.kdf, salt: 'AAAAAAAAAAAAAAAAAAAAAA' } }),
  ],
  ['a weaker derivation', (sealed) => ({ ...sealed, kdf: { ...sealed.kdf, passes: 1 } })],
  [
    'all the memory there is',
    (sealed) => ({ ...sealed, kdf: { ...sealed.kdf, memory_kib: 2 ** 31 } }),
  ],
  ['another ciphertext', (sealed) => ({ ...sealed, jwe: { ...sealed.jwe, ciphertext: 'AAAA' } })],
  [
    'an encryption of the attacker’s',
    (sealed) => ({
      ...sealed,
      jwe: { ...sealed.jwe, protected: Buffer.from('{"alg":"none"}').toString('base64url') },
    }),
  ],
])('a file changed to hold %s does not open', async (_, change) => {
  const changed = join(directory, 'changed.json');
  await writeFile(changed, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))));
  await expect(openKey(changed, PASSPHRASE)).rejects.toMatchObject({ status: 1 });
});

test('a missing file names the command that makes one', async () => {
  await expect(openKey(join(directory, 'none.json'), PASSPHRASE)).rejects.toMatchObject({
    code: 'no_key',
    next: expect.stringContaining('countersign genesis'),
  });
});

test('a new key is a new key', async () => {
  const keys = await Promise.all([1, 2, 3].map(() => newPrivateJwk('k')));
  expect(new Set(keys.map((each) => each.reveal())).size).toBe(3);
});
