/**
 * What security teams read of a deployment: who may delete production, and what each identity holds and did.
 * Counts are a projection of the ledger, whole UTC days; the export is what proves them.
 */
import { DENIAL_CODES } from '@countersign/core';
import { z } from 'zod';
import { Digest, Effect, Id, Instant, KeyType, Name, Resource, Role } from './primitives.ts';
import { STATEMENT_KINDS } from './statements.ts';
import { GrantView, LeaseView } from './views.ts';

/** A grant that still stands or may again: nothing that was rejected, revoked or has ended. */
const GrantReport = GrantView.pick({
  id: true,
  reasons: true,
  agent: true,
  connection: true,
  environment: true,
  delete_capable: true,
  from: true,
  until: true,
  uses_left: true,
  signatures: true,
}).extend({
  /** waiting: for signatures. held: by a freeze of something it needs, or because its agent is disabled. */
  status: z.enum(['waiting', 'suspended', 'cooling_off', 'active', 'exhausted', 'held']),
  class: Name,
  /** By what the operations can do at worst, as things are now. */
  allows: z.array(
    z.object({
      effect: Effect,
      operations: z.array(z.string()),
      resources: z.array(Resource),
    }),
  ),
  /** The latest lease or run under it; null: it was never used. */
  used_at: Instant.nullable(),
});
export type GrantReport = z.infer<typeof GrantReport>;

/** One environment of the class `production`. */
const ProductionReport = z.object({
  environment: Name,
  quorum: z.number().int(),
  groups: z.array(Name),
  user_verified: z.number().int(),
  cool_off: z.number().int(),
  /** Delete-capable grants under which something can be deleted at this moment. */
  grants: z.array(GrantReport),
  /** Delete-capable grants that wait for signatures, for their cool-off, or until a freeze is lifted. */
  coming: z.array(GrantReport),
  /** Everyone whose signature would count under the next one. */
  signers: z.array(
    z.object({
      human: Id,
      name: Name,
      roles: z.array(Role),
      groups: z.array(Name),
      user_verified: z.boolean(),
      vouched_by_one: z.boolean(),
    }),
  ),
  /** What they lack to sign the next one, in words; empty where they are enough. */
  lacking: z.array(z.string()),
});
export type ProductionReport = z.infer<typeof ProductionReport>;

/** What somebody was authenticated by, and when last. */
const LastShown = z.object({ credential: z.string(), at: Instant }).nullable();

export const AgentReport = z.object({
  kind: z.literal('agent'),
  id: Id,
  name: Name,
  state: z.enum(['enabled', 'frozen', 'disabled']),
  registered_at: Instant,
  registered_by: Name,
  disabled_at: Instant.nullable(),
  auth_method: z.string(),
  /** `kind`: the curve of a key, or how it authenticates without one; then a digest stands for it. */
  credentials: z.array(z.object({ kind: z.string(), thumbprint: Digest })),
  authenticated_by: LastShown,
  grants: z.array(GrantReport),
  /** Within the period. `last_…` is ever. */
  allowed: z.array(z.object({ stage: z.string(), count: z.number().int() })),
  denied: z.array(z.object({ code: z.enum(DENIAL_CODES), count: z.number().int() })),
  last_allowed_at: Instant.nullable(),
  last_denied_at: Instant.nullable(),
  /** Those still alive. */
  leases: z.array(
    LeaseView.pick({
      id: true,
      connection: true,
      environment: true,
      state: true,
      expires_at: true,
      trouble: true,
    }),
  ),
});
export type AgentReport = z.infer<typeof AgentReport>;

export const HumanReport = z.object({
  kind: z.literal('human'),
  id: Id,
  name: Name,
  state: z.enum(['enrolled', 'frozen', 'removed']),
  enrolled_at: Instant,
  removed_at: Instant.nullable(),
  vouched_by_one: z.boolean(),
  roles: z.array(Role),
  groups: z.array(Name),
  keys: z.array(
    z.object({
      kid: Digest,
      type: KeyType,
      added_at: Instant,
      revoked_at: Instant.nullable(),
      frozen: z.boolean(),
    }),
  ),
  /** Within the period: signatures by kind of statement, of which `proposed` were the first. */
  signed: z.array(z.object({ kind: z.enum(STATEMENT_KINDS), count: z.number().int() })),
  proposed: z.number().int(),
  vetoed: z.number().int(),
  /** Ever. */
  last_signed_at: Instant.nullable(),
  sessions: z.number().int(),
  signed_in_by: LastShown,
});
export type HumanReport = z.infer<typeof HumanReport>;

export const IdentityReport = z.discriminatedUnion('kind', [HumanReport, AgentReport]);
export type IdentityReport = z.infer<typeof IdentityReport>;

/** One page of identities, humans first. */
export const IdentitiesView = z.object({
  /** The period that counts are of: from the beginning of a UTC day. */
  from: Instant,
  until: Instant,
  /** Entries that are counted, of those the ledger holds: fewer while the broker still catches up. */
  counted: z.object({ entries: z.number().int(), of: z.number().int() }),
  /** On the first page; null on those after it. */
  production: z.array(ProductionReport).nullable(),
  items: z.array(IdentityReport),
  next: z.string().nullable(),
});
export type IdentitiesView = z.infer<typeof IdentitiesView>;
