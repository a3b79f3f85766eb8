/**
 * Client secrets: 256 random bits, the id of the agent they were made for, and a MAC over both. The MAC
 * is asked first: whoever guesses learns for the price of one HMAC that this broker made no such secret,
 * and a secret that anyone else chose is none, whatever hash a statement holds.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { inputError, isUuid, type Random, Secret } from '@countersign/core';
import { z } from 'zod';

/** For secret scanners: `countersign_secret_[A-Za-z0-9_-]{88}`. */
const PREFIX = 'countersign_secret_';
const SHAPE = /^countersign_secret_[A-Za-z0-9_-]{88}$/;
const RANDOM_BYTES = 32;
const AGENT_BYTES = 16;
/** HMAC-SHA-256, truncated (RFC 2104 section 5) to what fills the last characters: no bit is unused. */
const MAC_BYTES = 18;
const SIGNED_BYTES = RANDOM_BYTES + AGENT_BYTES;
const KEY_INFO = 'countersign/client-secret/v1';

export interface ClientSecretMac {
  /** A new secret for this agent (UUID), which need not be registered yet. */
  make(agent: string, random: Random): Secret;
  /** The id of the agent it was made for; null for anything that was not made with this key. */
  agentOf(secret: Secret): string | null;
}

const privateMembers = z.looseObject({ kty: z.literal('OKP'), d: z.string().min(43).max(43) });

/**
 * The MAC under a key derived (HKDF-SHA-256) from a key of `generateSigningKey`, which signs nothing. It
 * is kept as a key pair because that is what sealed storage holds, checks and re-seals.
 *
 * @throws CountersignError `invalid_request` for anything but an Ed25519 private JWK
 */
export function clientSecretMac(privateJwk: Secret): ClientSecretMac {
  const key = Buffer.from(hkdfSync('sha256', seedOf(privateJwk), '', KEY_INFO, 32));
  const mac = (signed: Uint8Array) =>
    createHmac('sha256', key).update(PREFIX).update(signed).digest().subarray(0, MAC_BYTES);
  return {
    make(agent, random) {
      if (!isUuid(agent)) throw inputError('invalid_request', 'A secret is made for an agent id.');
      const signed = Buffer.concat([
        random.bytes(RANDOM_BYTES),
        Buffer.from(agent.replaceAll('-', ''), 'hex'),
      ]);
      const text = Buffer.concat([signed, mac(signed)]).toString('base64url');
      return new Secret('client secret', `${PREFIX}${text}`);
    },
    agentOf(secret) {
      const text = secret.reveal();
      if (!SHAPE.test(text)) return null;
      const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
      const signed = bytes.subarray(0, SIGNED_BYTES);
      if (!timingSafeEqual(bytes.subarray(SIGNED_BYTES), mac(signed))) return null;
      return uuidOf(signed.subarray(RANDOM_BYTES));
    },
  };
}

// No cause is kept: a parser's error quotes what it could not parse.
function seedOf(privateJwk: Secret): Buffer {
  try {
    return Buffer.from(privateMembers.parse(JSON.parse(privateJwk.reveal())).d, 'base64url');
  } catch {
    throw inputError('invalid_request', 'The key of client secrets is not an Ed25519 private key.');
  }
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
