/** Answers: what humans, auditors and agents read. Projections for reading; authority is the statements. */
import { DENIAL_CODES, INPUT_CODES } from '@countersign/core';
import { z } from 'zod';
import { GrantedDetail } from './authorization-details.ts';
import { Digest, Effect, Id, Instant, KeyType, Name, Resource, Role } from './primitives.ts';
import { FreezeTarget, GrantCreateBody, STATEMENT_KINDS, Statement } from './statements.ts';

/** RFC 9457. The members after `code` are present on denials. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.enum([...DENIAL_CODES, ...INPUT_CODES]),
  decision: Id.exactOptional(),
  halt: z.literal(true).exactOptional(),
  agent_instruction: z.string().exactOptional(),
  request_access: z
    .object({
      method: z.literal('POST'),
      href: z.string(),
      body: z.object({ authorization_details: z.array(z.record(z.string(), z.json())) }),
    })
    .exactOptional(),
});
export type Problem = z.infer<typeof Problem>;

/** RFC 6749 section 5.2, with the problem's members beside it. */
export const OAuthProblem = Problem.extend({ error: z.string(), error_description: z.string() });
export type OAuthProblem = z.infer<typeof OAuthProblem>;

const KeyView = z.object({
  kid: Digest,
  type: KeyType,
  added_at: Instant,
  revoked_at: Instant.nullable(),
});
export const HumanView = z.object({
  id: Id,
  name: Name,
  roles: z.array(Role),
  groups: z.array(Name),
  vouched_by_one: z.boolean(),
  enrolled_at: Instant,
  removed_at: Instant.nullable(),
  keys: z.array(KeyView),
});
export type HumanView = z.infer<typeof HumanView>;

export const EnvironmentView = z.object({
  id: Id,
  name: Name,
  class: Name,
  quorum: z.number().int(),
  groups: z.array(Name),
  user_verified: z.number().int(),
  cool_off: z.number().int(),
  require_dpop: z.boolean(),
});
export type EnvironmentView = z.infer<typeof EnvironmentView>;

export const AgentView = z.object({
  id: Id,
  name: Name,
  auth_method: z.string(),
  /** Thumbprints of its keys; for an agent without any, the digest of how it authenticates. */
  credentials: z.array(Digest),
  require_dpop: z.boolean(),
  disabled_at: Instant.nullable(),
});
export type AgentView = z.infer<typeof AgentView>;

export const ConnectionView = z.object({
  id: Id,
  name: Name,
  provider: Name,
  endpoint: z.string(),
  account: z.string(),
  config: z.record(z.string(), z.json()),
  /** By environment name. */
  mapping: z.record(z.string(), z.array(Resource)),
  /** removing: some lease of it, or its credential, is still there and is being taken back. */
  state: z.enum(['active', 'removing', 'removed']),
  /** Root credentials it had before, kept until what was made with them is taken back. */
  former_credentials: z.number().int(),
});
export type ConnectionView = z.infer<typeof ConnectionView>;

/** What an operation can do at worst in one class of environments; null: unknown, so denied. */
const EffectCases = z.object({
  /** On a resource as a whole. */
  whole: Effect.nullable(),
  /** On parts of it only (a column list). */
  narrowed: Effect.nullable(),
});

export const CatalogView = z.object({
  provider: Name,
  /** Digest of the catalog humans adopted; null: each that was ever recorded counts, at its worst. */
  adopted: Digest.nullable(),
  /** Digest of the one recorded last, of those that count; where none does, of all. */
  latest: Digest,
  /** True where humans described it: nothing of it counts but what is adopted. */
  described: z.boolean(),
  /** Every one that was recorded. */
  recorded: z.array(z.object({ digest: Digest, counts: z.boolean() })),
  /** The effects in force. */
  operations: z.array(
    z.object({
      name: z.string(),
      summary: z.string(),
      /** Of a described API: the method and path template by which it is asked for. */
      request: z.string().nullable(),
      /** This deployment's own word on it; null: as the catalogs say. */
      own: Effect.nullable(),
      production: EffectCases,
      elsewhere: EffectCases,
    }),
  ),
});
export type CatalogView = z.infer<typeof CatalogView>;

/** A description that was recorded, or was there already. */
export const RecordedCatalogView = z.object({
  provider: Name,
  /** Of all of it: what `catalog.adopt` names. */
  digest: Digest,
  operations: z.number().int(),
});
export type RecordedCatalogView = z.infer<typeof RecordedCatalogView>;

export const ConnectionCheckView = z.object({
  ok: z.boolean(),
  findings: z.array(z.object({ ok: z.boolean(), text: z.string() })),
  /** Ways around the rights of a lease. One that is not accepted suspends each exchange it concerns. */
  escapes: z.array(
    z.object({
      object: z.string(),
      digest: Digest,
      explanation: z.string(),
      /** SQL that closes it. */
      remedy: z.string(),
      accepted: z.boolean(),
    }),
  ),
});
export type ConnectionCheckView = z.infer<typeof ConnectionCheckView>;

const SignatureView = z.object({
  human: Id,
  name: Name,
  kid: Digest,
  at: Instant,
  /** Whether it still counts. */
  counts: z.boolean(),
  vouched_by_one: z.boolean(),
});

export const StatementView = z.object({
  id: Id,
  kind: z.enum(STATEMENT_KINDS),
  status: z.enum(['pending', 'cooling_off', 'complete', 'rejected', 'lapsed']),
  have: z.number().int(),
  need: z.number().int(),
  missing: z.array(z.string()),
  signatures: z.array(SignatureView),
  proposed_at: Instant,
  settled_at: Instant.nullable(),
  /** When it takes effect with no further signature, if nobody vetoes it; null when it never does so. */
  effective_from: Instant.nullable(),
  sign_by: Instant,
  rejection: z.object({ human: z.string(), reason: z.string() }).nullable(),
  /** base64url of the canonical bytes: what a signer renders and signs. */
  payload: z.string(),
});
export type StatementView = z.infer<typeof StatementView>;

/** The answer to a proposal, signature or rejection. */
export const StatementAnswer = StatementView.extend({
  /** Leases that ended because of it. */
  leases_revoked: z.number().int(),
  /** Leases that should have ended and have not yet; the reaper goes on trying. */
  leases_pending: z.number().int(),
  /**
   * Whether what was signed is in the mirror too, so that no restored backup undoes it; null where there is
   * no mirror, or nothing new was signed.
   */
  mirrored: z.boolean().nullable(),
});
export type StatementAnswer = z.infer<typeof StatementAnswer>;

export const GrantView = z.object({
  id: Id,
  status: z.enum([
    'waiting',
    'rejected',
    'lapsed',
    'revoked',
    'suspended',
    'cooling_off',
    'active',
    'expired',
    'exhausted',
  ]),
  reasons: z.array(z.string()),
  delete_capable: z.boolean(),
  effect: Effect,
  agent: Name,
  connection: Name,
  environment: Name,
  permissions: GrantCreateBody.shape.permissions,
  ttl: z.number().int(),
  valid_for: z.number().int(),
  max_uses: z.number().int().nullable(),
  used: z.number().int(),
  from: Instant.nullable(),
  until: Instant.nullable(),
  have: z.number().int(),
  need: z.number().int(),
  signatures: z.array(SignatureView),
  /** What must not have changed since it was signed; null where it pins nothing. */
  pins: GrantCreateBody.shape.pins,
  /** Thumbprint of the key that its tokens are bound to. */
  sender: Digest.nullable(),
  uses_left: z.number().int().nullable(),
  /** What would make it hold no more, each by itself, in words. */
  depends_on: z.array(z.string()),
  request: Id.nullable(),
  reason: z.string(),
  /** The SQL it holds, and what the dry run said of it. */
  sql: GrantCreateBody.shape.sql,
  assessment: GrantCreateBody.shape.assessment,
});
export type GrantView = z.infer<typeof GrantView>;

/** What became of SQL that the broker ran, without anything that it read. */
export const RunView = z.object({
  /** Its lease. */
  id: Id,
  grant: Id,
  /** failed: PostgreSQL refused it and undid all of it. */
  outcome: z.enum(['committed', 'failed']),
  changes: z
    .object({
      created: z.number().int(),
      altered: z.number().int(),
      dropped: z.number().int(),
      rows: z.number().int(),
      digest: Digest,
    })
    .nullable(),
  failure: z
    .object({
      /** SQLSTATE. */
      code: z.string(),
      name: z.string().nullable(),
      /** Characters into the SQL, from 1. */
      position: z.number().int().nullable(),
    })
    .nullable(),
});
export type RunView = z.infer<typeof RunView>;

export const AccessRequestView = z.object({
  id: Id,
  agent: Name,
  status: z.enum(['open', 'waiting', 'granted', 'rejected', 'lapsed']),
  authorization_details: z.array(GrantedDetail),
  reason: z.string().nullable(),
  sender: Digest.nullable(),
  /** A human's words, when one said no. */
  rejection: z.string().nullable(),
  statement: Id.nullable(),
  created_at: Instant,
});
export type AccessRequestView = z.infer<typeof AccessRequestView>;

export const LeaseView = z.object({
  id: Id,
  agent: Name,
  connection: Name,
  environment: Name,
  grants: z.array(Id),
  rights: z.array(z.object({ operation: z.string(), resource: z.string() })),
  state: z.enum(['pending', 'active', 'revoked', 'failed']),
  expires_at: Instant,
  created_at: Instant,
  decision: Id,
  trouble: z.string().nullable(),
});
export type LeaseView = z.infer<typeof LeaseView>;

export const EntryView = z.object({
  index: z.number().int(),
  id: Id,
  type: z.string(),
  time: Instant,
  body: z.record(z.string(), z.json()),
});
export type EntryView = z.infer<typeof EntryView>;

export const FreezeView = z.object({
  id: Id,
  target: FreezeTarget,
  /** Name of the target; null for everything and for a key. */
  name: Name.nullable(),
  reason: z.string(),
  author: Name,
  frozen_at: Instant,
  /** Another human who stands behind it; null: its author alone can still lift it. */
  seconded_by: Name.nullable(),
  /** Null while it stands. */
  lifted_at: Instant.nullable(),
});
export type FreezeView = z.infer<typeof FreezeView>;

export const GuardrailView = z.object({
  id: Id,
  name: Name,
  /** Cedar, as it was signed. */
  policy: z.string(),
  reason: z.string(),
  /** Who proposed the present text, and when it took effect. */
  author: Name,
  at: Instant,
  /** Until then its author changes or removes it alone; null: it takes two. */
  sole_until: Instant.nullable(),
  /** Null while it stands. */
  removed_at: Instant.nullable(),
});
export type GuardrailView = z.infer<typeof GuardrailView>;

/** What a text would have denied of what was allowed. It decides nothing. */
export const GuardrailTestView = z.object({
  /** The period that was looked at: shorter than asked for where `complete` is false. */
  from: Instant,
  until: Instant,
  complete: z.boolean(),
  /** Allowed decisions in it, and those of them that would have been denied. */
  decisions: z.number().int(),
  denied: z.number().int(),
  /** Decisions about something that is not there any more, which could not be judged. */
  unjudged: z.number().int(),
  /** How many each policy of the text would have denied, by its `@id` or its place. */
  policies: z.array(z.object({ policy: z.string(), denied: z.number().int() })),
  /** Newest first. */
  items: z.array(
    z.object({
      decision: Id,
      time: Instant,
      stage: z.string(),
      agent: Name,
      connection: Name,
      environment: Name,
      operation: z.string(),
      resource: z.string(),
      /** Null where the text as a whole could not be evaluated. */
      policy: z.string().nullable(),
      /** Why it could not be evaluated, which denies; null: it forbids. */
      error: z.string().nullable(),
    }),
  ),
  next: z.string().nullable(),
});
export type GuardrailTestView = z.infer<typeof GuardrailTestView>;

/** What an agent may do now, by grant, and nothing of anyone else. */
export const MeView = z.object({
  agent: Name,
  authorization_details: z.array(GrantedDetail),
  grants: z.array(
    z.object({
      id: Id,
      connection: Name,
      environment: Name,
      operations: z.array(z.string()),
      resources: z.array(z.string()),
      until: Instant,
      uses_left: z.number().int().nullable(),
      /** What the broker runs under it (`POST /v1/grants/{id}/run`); null: nothing. */
      runs: z
        .object({
          operations: z.array(z.string()),
          resources: z.array(z.string()),
          /** The very SQL, else the agent's own is run. */
          sql: z.string().nullable(),
        })
        .nullable(),
    }),
  ),
  /** Operations of the catalogs it could ask for. */
  may_request: z.array(
    z.object({
      operation: z.string(),
      summary: z.string(),
      /** Of a described API: the method and path template by which it is asked for. */
      request: z.string().nullable(),
    }),
  ),
  /** How many more there are; `?like=` finds them. */
  may_request_omitted: z.number().int(),
});
export type MeView = z.infer<typeof MeView>;

export const ExplainView = z.object({
  allowed: z.boolean(),
  code: z.enum(DENIAL_CODES).nullable(),
  effect: Effect.nullable(),
  steps: z.array(z.object({ step: z.string(), ok: z.boolean(), text: z.string() })),
  /** Every grant of the agent there. */
  grants: z.array(
    GrantView.pick({
      id: true,
      status: true,
      reasons: true,
      delete_capable: true,
      from: true,
      until: true,
      uses_left: true,
      sender: true,
      pins: true,
      signatures: true,
      depends_on: true,
    }).extend({
      /** Whether it is one of those by which it is allowed. */
      allows: z.boolean(),
    }),
  ),
});
export type ExplainView = z.infer<typeof ExplainView>;

export const BrokerView = z.object({
  issuer: z.string(),
  version: z.string(),
  /** Genesis fingerprint; null before genesis. */
  broker: Digest.nullable(),
  ledger_key: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
  /** C2SP verifier key of its checkpoints. */
  ledger_vkey: z.string(),
});
export type BrokerView = z.infer<typeof BrokerView>;

export const DraftAnswer = z.object({
  statement: Statement,
  /** What the server completed or noticed, one line each; never what the signer relies on. */
  notes: z.array(z.string()),
  /** For `agent.register` and `agent.credential.set` with `client_secret`: shown this once, kept nowhere. */
  client_secret: z.string().exactOptional(),
});
export type DraftAnswer = z.infer<typeof DraftAnswer>;

/** One page; `next` goes into `?after=`. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() });
}
