/**
 * Keys derived from the key-encryption key, one for each purpose, so that what is made for one opens
 * nothing of another. The key itself lives outside the database (Law 1) and is not kept here.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { canonicalBytes } from '@countersign/authority';
import { CountersignError, type Secret } from '@countersign/core';
import { FlattenedEncrypt, flattenedDecrypt } from 'jose';

const KEK_BYTES = 32;
const PURPOSES = {
  credential: 'countersign/credential/v1',
  key: 'countersign/key/v1',
  head: 'countersign/head/v1',
  lease: 'countersign/lease/v1',
  request: 'countersign/access-request/v1',
  code: 'countersign/one-time-code/v1',
} as const;
const ENCRYPTION = 'A256GCM';

/** Exactly these members of a JSON object, all strings. Throws for anything else. */
export function parseStrings<K extends string>(
  text: string,
  names: readonly K[],
): Record<K, string> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('not an object');
  const members = new Map<string, unknown>(Object.entries(value));
  const picked = names.map((name) => {
    const member = members.get(name);
    if (typeof member !== 'string') throw new Error(`${name} is not a string`);
    return [name, member];
  });
  // Every name of K was just set.
  return Object.fromEntries(picked) as Record<K, string>;
}

type MacPurpose = 'head' | 'lease' | 'request' | 'code';

export interface Kek {
  /** Short name of the key, in every sealed value, so that a later rotation knows what is under what. */
  readonly id: string;
  /** Seals bytes to what they are for: they open with an equal binding only. */
  seal(purpose: 'credential' | 'key', binding: unknown, plain: Uint8Array): Promise<string>;
  /** @throws CountersignError `broker_unavailable`, one message for every cause */
  open(purpose: 'credential' | 'key', binding: unknown, sealed: string): Promise<Uint8Array>;
  /** HMAC-SHA-256 over the canonical JSON of a row, so that one edited by hand is known for it (Law 1). */
  mac(purpose: MacPurpose, document: unknown): Uint8Array;
  isMac(purpose: MacPurpose, document: unknown, mac: Uint8Array): boolean;
}

/** @throws CountersignError `broker_unavailable` unless the key has 32 bytes */
export function deriveKek(kek: Secret<Uint8Array>): Kek {
  const material = kek.reveal();
  if (material.length !== KEK_BYTES) {
    throw new CountersignError('broker_unavailable', 'The key-encryption key is not 32 bytes.');
  }
  const derive = (info: string) => Buffer.from(hkdfSync('sha256', material, '', info, KEK_BYTES));
  const keys = {
    credential: derive(PURPOSES.credential),
    key: derive(PURPOSES.key),
    head: derive(PURPOSES.head),
    lease: derive(PURPOSES.lease),
    request: derive(PURPOSES.request),
    code: derive(PURPOSES.code),
  };
  const id = derive('kek-id').subarray(0, 8).toString('base64url');
  const mac = (purpose: MacPurpose, document: unknown) =>
    createHmac('sha256', keys[purpose]).update(canonicalBytes(document)).digest();

  return {
    id,
    async seal(purpose, binding, plain) {
      const {
        protected: header,
        iv,
        ciphertext,
        tag,
      } = await new FlattenedEncrypt(plain)
        .setProtectedHeader({ alg: 'dir', enc: ENCRYPTION, kid: id })
        .setAdditionalAuthenticatedData(canonicalBytes(binding))
        .encrypt(keys[purpose]);
      return JSON.stringify({ protected: header, iv, ciphertext, tag });
    },
    async open(purpose, binding, sealed) {
      try {
        // Only these four members: the AAD is what the caller expects, never what is stored.
        const jwe = parseStrings(sealed, ['protected', 'iv', 'ciphertext', 'tag']);
        const aad = Buffer.from(canonicalBytes(binding)).toString('base64url');
        const opened = await flattenedDecrypt({ ...jwe, aad }, keys[purpose], {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: [ENCRYPTION],
        });
        return opened.plaintext;
      } catch {
        throw new CountersignError(
          'broker_unavailable',
          'A sealed value does not open: it was sealed for something else, under another key, or changed.',
        );
      }
    },
    mac,
    isMac(purpose, document, given) {
      const expected = mac(purpose, document);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}
