/** Bodies of the ledger entries that carry authority. Every other entry type records a decision. */
import { z } from 'zod';
import {
  Base64Url,
  Digest,
  Effect,
  JsonObject,
  Name,
  Operation,
  StatementId,
} from './primitives.ts';
import { Envelope, StatementAssertion, StatementSignature, TreeHead } from './statements.ts';

const EffectRule = z.strictObject({
  effect: Effect,
  environment_class: z.literal('production').exactOptional(),
  whole_resource: z.literal(true).exactOptional(),
});

export const CatalogDocument = z.strictObject({
  provider: Name,
  operations: z
    .array(
      z.strictObject({
        name: Operation,
        summary: z.string().max(300),
        effects: z.array(EffectRule).min(1).max(8),
        exchangeable: z.boolean(),
        request: z.string().max(600).exactOptional(),
      }),
    )
    .min(1)
    .max(4096),
  /** Of an API that humans described. What it means its provider reads, and no one else. */
  description: JsonObject.exactOptional(),
});

/** A proposal, with its proposer's signature. */
export const StatementProposedBody = z.strictObject({ envelope: Envelope });

/** One more signature on a pending statement. */
export const StatementSignedBody = z.strictObject({
  statement: StatementId,
  signatures: z.array(StatementSignature).max(16),
  assertions: z.array(StatementAssertion).max(16),
});

/**
 * A catalog as a server recorded it. A built-in one counts at once, at its worst; one that humans described only
 * while they have adopted its digest.
 */
export const CatalogRecordedBody = z.strictObject({ digest: Digest, catalog: CatalogDocument });

/** Bytes of a part: an entry has at most 65,535, and these are base64url in it. */
export const CATALOG_PART_BYTES = 45_000;

/**
 * A catalog too large for one entry, in its canonical form, part after part. It is recorded with the last of them,
 * as `catalog.recorded` would record it; a first part begins it anew.
 */
export const CatalogPartBody = z.strictObject({
  /** Of the whole. */
  digest: Digest,
  part: z.number().int().min(1).max(64),
  parts: z.number().int().min(2).max(64),
  bytes: Base64Url.min(2),
});

/** A delay is over: what was signed takes effect now, and not before this entry. */
export const StatementEffectiveBody = z.strictObject({ statement: StatementId });

/**
 * The database is not the one that the mirror knows, and was gone on with: what it held, what the mirror's
 * last checkpoint says, and what is lost in between. It carries authority since it takes some away.
 */
export const RestoredBody = z.strictObject({
  /** What the mirror calls the ledger from here on. */
  line: z.strictObject({ number: z.number().int().min(1).max(99_999_999), id: StatementId }),
  mirror: TreeHead,
  database: TreeHead,
  /** Indices in the mirror's tree, both ends included; null where nobody knows. */
  lost: z
    .strictObject({ first: z.number().int().min(0), last: z.number().int().min(0) })
    .nullable(),
  /** How many statements of these were replayed: the entries right before this one. */
  replayed: z.number().int().min(0),
  /** The statement by which two humans went on; null where the mirror had every statement. */
  accepted: StatementId.nullable(),
});
export type RestoredBody = z.infer<typeof RestoredBody>;

const AUTHORITY_ENTRY_TYPES = [
  'statement.proposed',
  'statement.signed',
  'statement.effective',
  'catalog.recorded',
  'catalog.part',
  'restored',
] as const;
export type AuthorityEntryType = (typeof AUTHORITY_ENTRY_TYPES)[number];

export function isAuthorityEntryType(type: string): type is AuthorityEntryType {
  return (AUTHORITY_ENTRY_TYPES as readonly string[]).includes(type);
}
