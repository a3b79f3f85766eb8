/**
 * A human's device key on disk: argon2id makes a key of the passphrase, A256GCM seals the private JWK
 * under it (RFC 7516, `dir`), and everything beside it in the file is authenticated with it.
 */
import { randomBytes } from 'node:crypto';
import { Digest, Ed25519Jwk } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { FlattenedEncrypt, type FlattenedJWE, flattenedDecrypt } from 'jose';
import { failed } from './failure.ts';
import { readOptional, writePrivate } from './private-files.ts';

/** 64 MiB, three passes: a passphrase guess costs a good part of a second. */
const KDF = { name: 'argon2id', memory_kib: 65_536, passes: 3, lanes: 1 } as const;
const SALT_BYTES = 16;

interface PublicPart {
  readonly v: 1;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly key: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  readonly kdf: typeof KDF & { readonly salt: string };
}

/** Seals the private JWK into the file, mode 0600. */
export async function sealKey(
  file: string,
  key: { readonly kid: string; readonly jwk: PublicPart['key']; readonly secret: Secret },
  passphrase: Secret,
): Promise<void> {
  const salt = randomBytes(SALT_BYTES);
  const { kty, crv, x } = key.jwk;
  const open: PublicPart = {
    v: 1,
    kid: key.kid,
    key: { kty, crv, x },
    kdf: { ...KDF, salt: salt.toString('base64url') },
  };
  const jwe = await new FlattenedEncrypt(Buffer.from(key.secret.reveal(), 'utf8'))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .setAdditionalAuthenticatedData(bytesOf(open))
    .encrypt(await derive(passphrase, salt));
  await writePrivate(file, `${JSON.stringify({ ...open, jwe }, null, 2)}\n`);
}

/** The private JWK. @throws Failure for a wrong passphrase or a file that is not ours */
export async function openKey(file: string, passphrase: Secret): Promise<Secret> {
  const { open, jwe } = await readKeyFile(file);
  const key = await derive(passphrase, Buffer.from(open.kdf.salt, 'base64url'));
  try {
    // The text of additional data in the file is not believed: it is computed anew.
    const aad = bytesOf(open).toString('base64url');
    const { plaintext } = await flattenedDecrypt({ ...jwe, aad }, key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    });
    return new Secret('device key', Buffer.from(plaintext).toString('utf8'));
  } catch {
    throw failed(
      'wrong_passphrase',
      'The passphrase does not open this key.',
      'run the command again with the right passphrase',
    );
  }
}

async function readKeyFile(file: string): Promise<{ open: PublicPart; jwe: FlattenedJWE }> {
  const text = await readOptional(file);
  if (text === null) {
    throw failed(
      'no_key',
      'This profile has no device key.',
      'countersign genesis, or countersign human join CODE --name NAME',
    );
  }
  const parsed = parse(text);
  if (parsed === null) {
    throw failed(
      'damaged',
      `${file} is not a key file of this version.`,
      'restore it from a backup',
    );
  }
  return parsed;
}

function parse(text: string): { open: PublicPart; jwe: FlattenedJWE } | null {
  const file = recordOf(jsonOf(text));
  const kdf = recordOf(file?.['kdf']);
  const jwe = recordOf(file?.['jwe']);
  const kid = Digest.safeParse(file?.['kid']);
  const key = Ed25519Jwk.safeParse(file?.['key']);
  if (file?.['v'] !== 1 || kdf === null || jwe === null || !kid.success || !key.success)
    return null;
  const { salt } = kdf;
  const { ciphertext, iv, tag, protected: header } = jwe;
  // Exactly the parameters this version writes: a file cannot ask for weaker, or for all the memory.
  const same = Object.entries(KDF).every(([name, value]) => kdf[name] === value);
  if (!same || typeof salt !== 'string' || typeof ciphertext !== 'string') return null;
  if (typeof iv !== 'string' || typeof tag !== 'string' || typeof header !== 'string') return null;
  return {
    open: { v: 1, kid: kid.data, key: key.data, kdf: { ...KDF, salt } },
    jwe: { ciphertext, iv, tag, protected: header },
  };
}

async function derive(passphrase: Secret, salt: Uint8Array): Promise<Uint8Array> {
  const { hashRaw } = await import('@node-rs/argon2');
  // Its default algorithm is argon2id.
  return await hashRaw(passphrase.reveal(), {
    memoryCost: KDF.memory_kib,
    timeCost: KDF.passes,
    parallelism: KDF.lanes,
    outputLen: 32,
    salt,
  });
}

function bytesOf({ v, kid, key, kdf }: PublicPart): Buffer {
  return Buffer.from(JSON.stringify([v, kid, key.kty, key.crv, key.x, ...Object.values(kdf)]));
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  // An object that is no array is read by its members alone.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
