/** The small shapes every statement, request and answer is made of. Each has one canonical form. */
import { EFFECTS, isInstant, isOperation, isUuid, isUuidV7 } from '@countersign/core';
import { z } from 'zod';

/** What people and scripts call a thing: never reused, compared byte for byte. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/,
    'a name is 1 to 63 of a-z 0-9 . _ - and begins and ends with a letter or digit',
  )
  .refine((name) => !isUuid(name), 'a name is not an id: ids are looked up where names are');

// What a refinement checks, `meta` says in the OpenAPI document too.
export const Id = z
  .string()
  .refine(isUuid, 'an id is a lower-case UUID')
  .meta({ format: 'uuid', pattern: `^${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}$` });
export const StatementId = z
  .string()
  .refine(isUuidV7, 'a statement id is a lower-case UUIDv7')
  .meta({ format: 'uuid', pattern: `^${hex(8)}-${hex(4)}-7${hex(3)}-[89ab]${hex(3)}-${hex(12)}$` });
export const Instant = z
  .string()
  .refine(isInstant, 'a time is UTC with milliseconds, e.g. 2026-11-20T12:00:00.000Z')
  .meta({ format: 'date-time' });

function hex(length: number): string {
  return `[0-9a-f]{${length}}`;
}

/** base64url of a SHA-256: fingerprints, thumbprints (RFC 7638), commitments, digests. */
export const Digest = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'base64url of 32 bytes, no padding');

/**
 * An argon2id hash in the PHC string form, of the one cost the broker makes: a statement that named another
 * could make every verification as costly, or as cheap, as it likes.
 */
export const SecretHash = z
  .string()
  .regex(
    /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{21}[AQgw]\$[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/,
    'an argon2id hash as the broker drafts it (v=19, m=19456, t=2, p=1)',
  );

export const Base64Url = z
  .string()
  .regex(/^[A-Za-z0-9_-]*$/, 'base64url without padding')
  .max(65_536);

export const Ed25519Jwk = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: Digest,
});
export const P256Jwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: Digest,
  y: Digest,
});
/** A public key, exactly its RFC 7638 members. */
export const PublicJwk = z.union([Ed25519Jwk, P256Jwk]);

export const Operation = z
  .string()
  .max(160)
  .refine(isOperation, 'an operation is <provider>:<name>, e.g. postgres:select')
  .meta({ pattern: '^[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9_./-]{0,127}$' });

/**
 * Cc, Cf, Cs, Zl and Zp of Unicode, spelled out: not every reader of the OpenAPI document knows `\p`.
 * Beyond the first plane as they are, since the escapes for those differ too.
 */
const UNSEEN =
  String.raw`\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f` +
  String.raw`\u2028-\u202e\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb` +
  '\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}';
const SEEN = new RegExp(`^[^${UNSEEN}]*$`, 'u');

/** A provider's canonical id of a thing. Control characters would let it lie on a screen. */
export const Resource = z
  .string()
  .min(1)
  .max(1024)
  .regex(SEEN, 'no control or invisible characters');

export const Effect = z.enum(EFFECTS);

/** A human's own words: one line, shown to other humans. */
export const Reason = z.string().min(1).max(500).regex(SEEN, 'one line without control characters');

export const Role = z.enum(['admin', 'approver', 'auditor']);
export type Role = z.infer<typeof Role>;

export const KeyType = z.enum(['passphrase', 'user-verified']);

/** Distinct values in ascending order: one canonical form per set. */
export function sortedSet<T extends z.ZodType<string>>(item: T, min: number, max: number) {
  return z
    .array(item)
    .min(min)
    .max(max)
    .refine(
      (list) => list.every((value, i) => i === 0 || (list[i - 1] ?? '') < value),
      'values are distinct and in ascending order',
    );
}

/** JSON as RFC 8259 has it; configuration that only a provider understands. */
export const JsonObject = z.record(z.string().max(128), z.json());
