/** Bodies of the ledger entries that carry authority. Every other entry type records a decision. */
import { z } from 'zod';
import { Digest, Effect, Name, Operation, StatementId } from './primitives.ts';
import { Envelope, StatementAssertion, StatementSignature } from './statements.ts';

const EffectRule = z.strictObject({
  effect: Effect,
  environment_class: z.literal('production').exactOptional(),
  whole_resource: z.literal(true).exactOptional(),
});

const CatalogDocument = z.strictObject({
  provider: Name,
  operations: z
    .array(
      z.strictObject({
        name: Operation,
        summary: z.string().max(300),
        effects: z.array(EffectRule).min(1).max(8),
        exchangeable: z.boolean(),
      }),
    )
    .min(1)
    .max(4096),
});

/** A proposal, with its proposer's signature. */
export const StatementProposedBody = z.strictObject({ envelope: Envelope });

/** One more signature on a pending statement. */
export const StatementSignedBody = z.strictObject({
  statement: StatementId,
  signatures: z.array(StatementSignature).max(16),
  assertions: z.array(StatementAssertion).max(16),
});

/** A built-in catalog, as a server's start recorded it. The worst effect ever recorded counts. */
export const CatalogRecordedBody = z.strictObject({ digest: Digest, catalog: CatalogDocument });

/** A delay is over: what was signed takes effect now, and not before this entry. */
export const StatementEffectiveBody = z.strictObject({ statement: StatementId });

const AUTHORITY_ENTRY_TYPES = [
  'statement.proposed',
  'statement.signed',
  'statement.effective',
  'catalog.recorded',
] as const;
export type AuthorityEntryType = (typeof AUTHORITY_ENTRY_TYPES)[number];

export function isAuthorityEntryType(type: string): type is AuthorityEntryType {
  return (AUTHORITY_ENTRY_TYPES as readonly string[]).includes(type);
}
