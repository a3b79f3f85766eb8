/**
 * C2SP signed-note with Ed25519 keys (signature type 0x01): text that carries its signatures, which
 * any tool of the transparency ecosystem can check without knowing this product.
 */
import { createPublicKey, hash, verify } from 'node:crypto';
import { CountersignError, inputError } from '@countersign/core';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** Room for sixteen post-quantum signatures of 5 kB, which verifiers must accept, and more. */
const MAX_NOTE_CHARACTERS = 262_144;
const MAX_SIGNATURES = 100;
const ED25519 = Buffer.of(0x01);
const KEY_ID_BYTES = 4;

const KEY_NAME = /^[^\p{White_Space}\p{Cc}+]+$/u;
/** Control characters below U+0020 other than newline: forbidden anywhere in a note. */
const CONTROL = /[^\n\u{20}-\u{10ffff}]/u;
const VKEY = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/;
const SIGNATURE_LINE = /^— ([^ ]+) ([^ ]+)$/;

export interface VerifierKey {
  readonly name: string;
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), in lower-case hex. */
  readonly keyId: string;
  /** 32 bytes, RFC 8032. */
  readonly publicKey: Uint8Array;
}

/**
 * Whoever holds the private key: `sign` answers 64 bytes of Ed25519 over exactly the bytes it is
 * given.
 */
export interface NoteSigner {
  /** No white space, no `+`. SHOULD be a URL without its scheme. */
  readonly name: string;
  /** 32 bytes, RFC 8032. */
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/**
 * `name+hex(key id)+base64(0x01 ‖ public key)`. Throws `invalid_request` for a bad name or length.
 */
export function encodeVkey(name: string, publicKey: Uint8Array): string {
  const { keyId } = verifierKey(name, publicKey);
  return `${name}+${keyId}+${encodeBase64(Buffer.concat([ED25519, publicKey]))}`;
}

/** Throws `invalid_request` unless it is a vkey of an Ed25519 key whose id matches. */
export function parseVkey(vkey: string): VerifierKey {
  const [, name, keyId, encoded] = VKEY.exec(vkey) ?? [];
  const material = encoded === undefined ? null : decodeBase64(encoded);
  if (name === undefined || material === null) {
    throw inputError('invalid_request', 'A verifier key has the form name+id+base64.');
  }
  if (material[0] !== ED25519[0]) {
    throw inputError('invalid_request', 'The verifier key is not an Ed25519 key (type 0x01).');
  }
  const key = verifierKey(name, material.subarray(ED25519.length));
  if (key.keyId !== keyId) {
    throw inputError(
      'invalid_request',
      'The id of the verifier key is not that of its name and key.',
    );
  }
  return key;
}

/**
 * The note of a text (non-empty, ending in a newline) with one signature. Throws `invalid_request`
 * for text that a note cannot hold, `broker_unavailable` when the signer's answer does not verify
 * under its own public key, since a published note cannot be taken back.
 */
export async function signNote(text: string, signer: NoteSigner): Promise<string> {
  const key = verifierKey(signer.name, signer.publicKey);
  requireText(text);
  const signature = await signer.sign(Buffer.from(text, 'utf8'));
  if (!isSignature(signature, text, key)) {
    throw new CountersignError(
      'broker_unavailable',
      'The signature of the note does not verify under the key of its signer.',
    );
  }
  const line = encodeBase64(Buffer.concat([Buffer.from(key.keyId, 'hex'), signature]));
  return `${text}\n— ${key.name} ${line}\n`;
}

/**
 * The text of a note signed by at least one of the known keys. Signatures of unknown keys are
 * ignored; one of a known key that fails refuses the note, whatever else it carries. Throws
 * `invalid_request`.
 */
export function openNote(note: string, known: readonly VerifierKey[]): string {
  if (note.length > MAX_NOTE_CHARACTERS) throw refused('it is too long');
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0) throw refused('no blank line separates text and signatures');
  const text = note.slice(0, blank + 1);
  requireText(text);
  const signatures = note.slice(blank + 2);
  if (!signatures.endsWith('\n')) throw refused('it has no signature line, or the last is cut off');
  const lines = signatures.slice(0, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw refused('it has too many signatures');
  let verified = false;
  for (const line of lines) {
    const { name, keyId, signature } = parseSignatureLine(line);
    for (const key of known) {
      if (key.name !== name || key.keyId !== keyId) continue;
      if (!isSignature(signature, text, key)) {
        throw refused('the signature of a known key does not verify');
      }
      verified = true;
    }
  }
  if (!verified) throw refused('no known key has signed it');
  return text;
}

function parseSignatureLine(line: string) {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = decodeBase64(encoded);
  if (!KEY_NAME.test(name) || bytes === null || bytes.length <= KEY_ID_BYTES) {
    throw refused('a signature line is malformed');
  }
  return {
    name,
    keyId: Buffer.from(bytes.subarray(0, KEY_ID_BYTES)).toString('hex'),
    signature: bytes.subarray(KEY_ID_BYTES),
  };
}

function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!KEY_NAME.test(name) || !name.isWellFormed()) {
    throw inputError('invalid_request', 'A key name has no white space and no plus sign.');
  }
  if (publicKey.length !== 32) {
    throw inputError('invalid_request', 'An Ed25519 public key has 32 bytes.');
  }
  const preimage = Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), ED25519, publicKey]);
  const keyId = hash('sha256', preimage, 'hex').slice(0, 2 * KEY_ID_BYTES);
  return { name, keyId, publicKey };
}

function isSignature(signature: Uint8Array, text: string, key: VerifierKey): boolean {
  const x = Buffer.from(key.publicKey).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, Buffer.from(text, 'utf8'), publicKey, signature);
}

function requireText(text: string): void {
  if (!text.isWellFormed()) throw refused('it is not valid Unicode');
  if (CONTROL.test(text)) throw refused('it holds a control character');
  if (!text.endsWith('\n') || text === '\n') throw refused('its text does not end in a newline');
}

function refused(why: string): CountersignError {
  return inputError('invalid_request', `The signed note is refused: ${why}.`);
}
