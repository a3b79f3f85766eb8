/**
 * Bodies of the entries that record decisions and what came of them, as far as a reader depends on them.
 * Members that are not named here are no fault: an entry may gain some, and none changes what it means.
 */
import { DENIAL_CODES } from '@countersign/core';
import { z } from 'zod';
import { GrantedDetail } from './authorization-details.ts';
import { Digest, Effect, Id, Instant, Name } from './primitives.ts';

const DenialCode = z.enum(DENIAL_CODES);

/** Refused: it needs no authority, and a reason that is known. */
export const DeniedBody = z.object({
  verdict: z.literal('denied'),
  stage: z.enum(['issue', 'exchange', 'run', 'forward', 'authenticate', 'ask']),
  code: DenialCode,
});

/** A token: what it may be exchanged for, under which grants. */
export const IssueAllowedBody = z.object({
  agent: Id,
  authorization_details: z.array(GrantedDetail),
  grants: z.array(Id),
  token: z.object({ jti: Id, expires_at: Instant, jkt: Digest.nullable() }),
});
export type IssueAllowedBody = z.infer<typeof IssueAllowedBody>;

/** What was used, under which grants. */
const useMembers = {
  agent: Id,
  jkt: Digest.nullable(),
  /** By name. */
  connection: Name,
  environment: Name,
  /** Each a full product of operations and resources, under the grant that covers it. */
  rights: z
    .array(
      z.object({
        grant: Id,
        effect: Effect,
        operations: z.array(z.string()).min(1),
        resources: z.array(z.string()).min(1),
      }),
    )
    .min(1),
  grants: z.array(Id),
  /** Limited grants of which it spent a use. */
  uses: z.array(Id),
};

const leaseMembers = {
  ...useMembers,
  /** `connection` by id. */
  lease: z.object({ id: Id, connection: Id, expires_at: Instant }),
};

/** A lease: a credential at a provider, made for a token. */
export const ExchangeAllowedBody = z.object({ ...leaseMembers, token: Id });
export type ExchangeAllowedBody = z.infer<typeof ExchangeAllowedBody>;

/** A lease whose login only the broker has, for a script that it runs: asked for by an agent or a human. */
export const RunAllowedBody = z.object({
  ...leaseMembers,
  token: Id.exactOptional(),
  human: Id.exactOptional(),
  resource: z.string(),
  sql: Digest,
});
export type RunAllowedBody = z.infer<typeof RunAllowedBody>;

/** A request that was forwarded: everything it could do, and where. */
export const ForwardAllowedBody = z.object({
  ...useMembers,
  token: Id,
  /** The provider's own ids of the environments that it was proven to stay in; empty: it touches none. */
  provider_ids: z.array(z.string()),
});
export type ForwardAllowedBody = z.infer<typeof ForwardAllowedBody>;

const dryRunMembers = {
  human: Id,
  connection: Id,
  environment: Id,
  resource: z.string(),
  sql: Digest,
};

/** SQL tried for a draft: connection and environment by id, the agent it would be granted to. */
export const DryRunAllowedBody = z.object({ ...dryRunMembers, agent: Id.exactOptional() });
export type DryRunAllowedBody = z.infer<typeof DryRunAllowedBody>;

export const DryRunFinishedBody = z.object({
  ...dryRunMembers,
  dry_run: Id,
  assessment: Digest.exactOptional(),
});
export type DryRunFinishedBody = z.infer<typeof DryRunFinishedBody>;

/** What deletions would take with them, looked up for a draft. */
export const DeletionAssessedBody = z.object({
  human: Id,
  agent: Id,
  connection: Id,
  environment: Id,
  assessment: Digest,
});
export type DeletionAssessedBody = z.infer<typeof DeletionAssessedBody>;

const ofDecision = { agent: Id, decision: Id };
/** The lease's row had been edited by hand: all but its id is what the row said. */
const edited = z.literal(true).exactOptional();
export const LeaseRevokedBody = z.object({ ...ofDecision, lease: Id, edited });
export type LeaseRevokedBody = z.infer<typeof LeaseRevokedBody>;
export const LeaseFailedBody = z.object({ ...ofDecision, lease: Id, uses_returned: z.array(Id) });
export type LeaseFailedBody = z.infer<typeof LeaseFailedBody>;
/** The provider said no to what was forwarded, so that its uses come back. */
export const ForwardRefusedBody = z.object({ ...ofDecision, uses_returned: z.array(Id).min(1) });
export type ForwardRefusedBody = z.infer<typeof ForwardRefusedBody>;
export const RunCommittingBody = z.object({ ...ofDecision, run: Id });
export type RunCommittingBody = z.infer<typeof RunCommittingBody>;
export const RunFinishedBody = z.object({
  ...ofDecision,
  run: Id,
  outcome: z.enum(['committed', 'rolled_back', 'unknown']),
  uses_returned: z.array(Id).exactOptional(),
  edited,
});
export type RunFinishedBody = z.infer<typeof RunFinishedBody>;

export const SessionOpenedBody = z.object({
  human: Id,
  kid: Digest,
  session: z.object({ expires_at: Instant }),
});
export type SessionOpenedBody = z.infer<typeof SessionOpenedBody>;
export const HumanInvitedBody = z.object({ human: Id });
export const AccessRequestFiledBody = z.object({
  request: Id,
  agent: Id,
  sender: Digest.nullable(),
});
export type AccessRequestFiledBody = z.infer<typeof AccessRequestFiledBody>;
export const AccessRequestRejectedBody = z.object({ request: Id, agent: Id, human: Id });
export type AccessRequestRejectedBody = z.infer<typeof AccessRequestRejectedBody>;
export const CredentialDestroyedBody = z.object({ connection: Id.nullable(), credential: Id });
export const ConnectionRemovedBody = z.object({ connection: Id, credential: Id });
export const KeysRotatedBody = z.object({
  key: z.enum(['kek', 'token']),
  to: z.string(),
  /** Of a token key: all tokens before it ended. */
  at_once: z.boolean().exactOptional(),
});
export const DenialsSummedBody = z.object({ first: Id, code: DenialCode, count: z.int().min(2) });
export const UnauthenticatedSummedBody = z.object({
  counts: z.partialRecord(DenialCode, z.int().min(1)),
});
