/**
 * Keys derived from one key-encryption key, one for each purpose, so that what is made for one opens
 * nothing of another. The key itself lives outside the database (Law 1) and is not kept here.
 */
import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto';
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
  kept: 'countersign/kept-code/v1',
  replica: 'countersign/replica/v1',
  snapshot: 'countersign/snapshot/v1',
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

/** kept: the hash of a one-time code beside its MAC, so that the MAC can be made anew. */
export type SealPurpose = 'credential' | 'key' | 'kept';
export type MacPurpose = 'head' | 'lease' | 'request' | 'code' | 'replica' | 'snapshot';

export interface Kek {
  /** Short name of the key, in every sealed value, so that a rotation knows what is under what. */
  readonly id: string;
  /** Seals bytes to what they are for: they open with an equal binding only. */
  seal(purpose: SealPurpose, binding: unknown, plain: Uint8Array): Promise<string>;
  /** @throws CountersignError `broker_unavailable`, one message for every cause */
  open(purpose: SealPurpose, binding: unknown, sealed: string): Promise<Uint8Array>;
  /**
   * Seals under another key what is sealed under this one, to the binding that was stored with it. It
   * opens only as this key authenticated it, so nothing is vouched for anew.
   * @throws CountersignError `broker_unavailable` as `open`
   */
  reseal(purpose: SealPurpose, sealed: string, to: Kek): Promise<string>;
  /** `seal` to a binding that is canonical already. */
  sealBytes(purpose: SealPurpose, binding: Uint8Array, plain: Uint8Array): Promise<string>;
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
    kept: derive(PURPOSES.kept),
    replica: derive(PURPOSES.replica),
    snapshot: derive(PURPOSES.snapshot),
  };
  const id = derive('kek-id').subarray(0, 8).toString('base64url');
  const macKeys = {
    head: createSecretKey(keys.head),
    lease: createSecretKey(keys.lease),
    request: createSecretKey(keys.request),
    code: createSecretKey(keys.code),
    replica: createSecretKey(keys.replica),
    snapshot: createSecretKey(keys.snapshot),
  };
  const mac = (purpose: MacPurpose, document: unknown) =>
    createHmac('sha256', macKeys[purpose]).update(canonicalBytes(document)).digest();

  const decrypt = async (purpose: SealPurpose, jwe: SealedParts, aad: string) => {
    const opened = await flattenedDecrypt({ ...jwe, aad }, keys[purpose], {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: [ENCRYPTION],
    });
    return opened.plaintext;
  };
  const sealBytes = async (purpose: SealPurpose, binding: Uint8Array, plain: Uint8Array) => {
    const {
      protected: header,
      iv,
      ciphertext,
      tag,
      aad,
    } = await new FlattenedEncrypt(plain)
      .setProtectedHeader({ alg: 'dir', enc: ENCRYPTION, kid: id })
      .setAdditionalAuthenticatedData(binding)
      .encrypt(keys[purpose]);
    return textOf({ protected: header, iv, ciphertext, tag, aad });
  };

  return {
    id,
    seal: (purpose, binding, plain) => sealBytes(purpose, canonicalBytes(binding), plain),
    sealBytes,
    async open(purpose, binding, sealed) {
      try {
        // Only these four members: the AAD is what the caller expects, never what is stored.
        const jwe = parseStrings(sealed, SEALED_PARTS);
        const aad = Buffer.from(canonicalBytes(binding)).toString('base64url');
        if (!isAsWritten(sealed, { ...jwe, aad })) throw doesNotOpen();
        return await decrypt(purpose, jwe, aad);
      } catch {
        throw doesNotOpen();
      }
    },
    async reseal(purpose, sealed, to) {
      try {
        const jwe = parseStrings(sealed, SEALED_PARTS);
        const { aad } = parseStrings(sealed, ['aad']);
        const plain = await decrypt(purpose, jwe, aad);
        return await to.sealBytes(purpose, Buffer.from(aad, 'base64url'), plain);
      } catch {
        throw doesNotOpen();
      }
    },
    mac,
    isMac(purpose, document, given) {
      const expected = mac(purpose, document);
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}

const SEALED_PARTS = ['protected', 'iv', 'ciphertext', 'tag'] as const;
type SealedParts = Record<(typeof SEALED_PARTS)[number], string>;

function textOf(jwe: Readonly<Record<string, string | undefined>>): string {
  const { protected: header, iv, ciphertext, tag, aad } = jwe;
  return JSON.stringify({ protected: header, iv, ciphertext, tag, aad });
}

/** Law 1: a value has one text, so that whoever changes a character of it is found out. */
function isAsWritten(sealed: string, jwe: Readonly<Record<string, string>>): boolean {
  const isCanonical = (part: string) =>
    Buffer.from(part, 'base64url').toString('base64url') === part;
  return sealed === textOf(jwe) && Object.values(jwe).every(isCanonical);
}

/** The id of the key a value says it is sealed under; null for what says none. Opening it tells. */
export function kekIdOf(sealed: string): string | null {
  try {
    const { protected: header } = parseStrings(sealed, ['protected']);
    return parseStrings(Buffer.from(header, 'base64url').toString('utf8'), ['kid']).kid;
  } catch {
    return null;
  }
}

export function doesNotOpen(): CountersignError {
  return new CountersignError(
    'broker_unavailable',
    'A sealed value does not open: it was sealed for something else, under another key, or changed.',
  );
}
