/** Request bodies. Strict: an unknown member is an error, not a wish. */
import { z } from 'zod';
import { RequestedDetails } from './authorization-details.ts';
import {
  Digest,
  Ed25519Jwk,
  Effect,
  Id,
  JsonObject,
  Name,
  Operation,
  Reason,
  Resource,
  Role,
  StatementId,
} from './primitives.ts';
import { AgentAuthDraft, Envelope, StatementSignature } from './statements.ts';

/** A root credential on its way to be sealed. The statement holds SHA-256(salt ‖ value) only. */
export const CredentialBeside = z.strictObject({
  /** 32 bytes, base64url. */
  salt: Digest,
  value: z.string().min(1).max(16_384),
});
export type CredentialBeside = z.infer<typeof CredentialBeside>;

const NameOrId = z.union([Name, Id]);

/** Seconds and uses: what a grant gets where its proposer did not say. A client may accept no more. */
export const GRANT_DEFAULTS = {
  ttl: 900,
  valid_for: 8 * 3600,
  delete_capable: { ttl: 60, valid_for: 3600, max_uses: 1 },
} as const;

/** An answer has at least a permission or an access request to take them from. */
const GrantDraft = z.strictObject({
  agent: NameOrId.exactOptional(),
  connection: NameOrId.exactOptional(),
  environment: NameOrId.exactOptional(),
  permissions: z
    .array(
      z.strictObject({
        operations: z.array(Operation).min(1).max(64),
        /** Patterns are expanded by the provider now, at drafting. */
        resources: z.array(Resource).min(1).max(512),
      }),
    )
    .min(1)
    .max(32)
    .exactOptional(),
  ttl: z.number().int().min(1).max(43_200).exactOptional(),
  valid_for: z.number().int().min(1).max(31_536_000).exactOptional(),
  max_uses: z.number().int().min(1).max(1_000_000).exactOptional(),
  request: Id.exactOptional(),
  /** A migration: the exact SQL, tried now and undone, to be run once. It takes `resource`. */
  sql: z.string().min(1).max(16_384).exactOptional(),
  /** The schema whose owner's rights the SQL has; its operations the server fills in. */
  resource: Resource.exactOptional(),
  reason: Reason,
});

/** A target as people name it. */
const FreezeTargetNamed = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('everything'), id: z.null() }),
  z.strictObject({ kind: z.enum(['environment', 'connection', 'agent', 'human']), id: NameOrId }),
  z.strictObject({ kind: z.literal('key'), id: Digest }),
]);

/** Cedar policies, `forbid` only. */
const GuardrailPolicy = z.string().min(1).max(16_384);

/** Environment name → provider ids. */
const MappingByName = z.record(Name, z.array(Resource).min(1).max(64));

function draft<K extends string, B extends z.ZodType>(kind: K, body: B) {
  return z.strictObject({
    kind: z.literal(kind),
    /** UUIDv7 from the proposer. */
    id: StatementId,
    body,
    /** One-time code: demanded of `genesis` and of a joiner's `human.enroll`. */
    code: z.string().min(1).max(128).exactOptional(),
    /** For `connection.set`: lets the server ask the provider for what it pins. */
    credential: CredentialBeside.exactOptional(),
  });
}

export const DraftRequest = z.discriminatedUnion('kind', [
  draft('genesis', z.strictObject({ name: Name, key: Ed25519Jwk, recovery: Digest })),
  draft(
    'human.enroll',
    z.union([
      z.strictObject({
        /** Must be the invitation's name when there is an invitation. */
        name: Name,
        key: Ed25519Jwk,
        recovery: Digest.nullable(),
      }),
      /** Other roles and groups of an enrolled human; what is left out stays as it is. */
      z.strictObject({
        human: NameOrId,
        roles: z.array(Role).min(1).max(3).exactOptional(),
        groups: z.array(Name).max(16).exactOptional(),
      }),
    ]),
  ),
  draft(
    'recover',
    z.strictObject({
      human: NameOrId,
      key: Ed25519Jwk,
      /** Of the code given at enrolment: whoever does not hold it drafts nothing. */
      recovery_key: Ed25519Jwk,
      /** Thumbprint of the key of the next code. */
      recovery: Digest,
      reason: Reason,
    }),
  ),
  draft('human.remove', z.strictObject({ human: NameOrId, reason: Reason })),
  draft('key.revoke', z.strictObject({ key: Digest, reason: Reason })),
  draft(
    'environment.set',
    z.strictObject({
      /** The present one, where it is to be called otherwise from now on. */
      environment: NameOrId.exactOptional(),
      name: Name,
      class: Name,
      quorum: z.number().int().min(2).max(16).exactOptional(),
      groups: z.array(Name).max(8).exactOptional(),
      user_verified: z.number().int().min(0).max(16).exactOptional(),
      cool_off: z.number().int().min(0).max(604_800).exactOptional(),
      require_dpop: z.boolean().exactOptional(),
    }),
  ),
  draft(
    'agent.register',
    z.strictObject({ name: Name, auth: AgentAuthDraft, require_dpop: z.boolean().exactOptional() }),
  ),
  draft(
    'agent.credential.set',
    z.strictObject({
      agent: NameOrId,
      auth: AgentAuthDraft,
      /** Left out: as it is. */
      require_dpop: z.boolean().exactOptional(),
      reason: Reason,
    }),
  ),
  draft('agent.disable', z.strictObject({ agent: NameOrId, reason: Reason })),
  draft(
    'connection.set',
    z.union([
      z.strictObject({
        name: Name,
        provider: Name,
        config: JsonObject,
        environments: MappingByName,
      }),
      /** The present one, which this changes; what is left out stays as it is. */
      z.strictObject({
        connection: NameOrId,
        /** Whole, and with the credential entered anew. */
        config: JsonObject.exactOptional(),
        /** Whole. */
        environments: MappingByName.exactOptional(),
      }),
    ]),
  ),
  draft(
    'catalog.adopt',
    z.strictObject({
      provider: Name,
      /** Left out: the one recorded last. */
      digest: Digest.exactOptional(),
      /** Merged with the present ones; null: as the catalog says, from now on. */
      effects: z
        .array(z.strictObject({ operation: Operation, effect: Effect.nullable() }))
        .max(256)
        .exactOptional(),
      reason: Reason,
    }),
  ),
  draft('connection.remove', z.strictObject({ connection: NameOrId, reason: Reason })),
  draft('grant.create', GrantDraft),
  draft('grant.revoke', z.strictObject({ grant: StatementId, reason: Reason })),
  draft('statement.reject', z.strictObject({ statement: StatementId, reason: Reason })),
  draft('freeze', z.strictObject({ target: FreezeTargetNamed, reason: Reason })),
  /** Completed by a server that serves nothing else, with what it found. */
  draft('restore.accept', z.strictObject({ reason: Reason })),
  draft('unfreeze', z.strictObject({ freeze: StatementId, reason: Reason })),
  draft(
    'guardrail.add',
    z.strictObject({
      /** One that stands by this name is changed. */
      name: Name,
      policy: GuardrailPolicy,
      reason: Reason,
    }),
  ),
  draft('guardrail.remove', z.strictObject({ guardrail: NameOrId, reason: Reason })),
  draft(
    'escape.accept',
    z.strictObject({
      connection: NameOrId,
      /** As `check` names them; the server adds the digest each has now. */
      objects: z.array(Resource).min(1).max(64),
      reason: Reason,
    }),
  ),
]);
export type DraftRequest = z.infer<typeof DraftRequest>;
export type DraftOf<K extends DraftRequest['kind']> = Extract<DraftRequest, { kind: K }>;

export const ProposeRequest = z.strictObject({
  envelope: Envelope,
  code: z.string().min(1).max(128).exactOptional(),
  credential: CredentialBeside.exactOptional(),
});
export type ProposeRequest = z.infer<typeof ProposeRequest>;

/** A described API, whole (`docs/reference/catalog-file.md`). */
export const RecordCatalogRequest = z.strictObject({ description: JsonObject });

export const SignRequest = z.strictObject({ signature: StatementSignature });
export const RejectRequest = z.strictObject({ envelope: Envelope });

export const InviteRequest = z.strictObject({
  name: Name,
  roles: z.array(Role).min(1).max(3),
  groups: z.array(Name).max(16),
});
export const InviteAnswer = z.object({
  code: z.string(),
  /** Where the joiner's `countersign` connects. */
  url: z.string(),
  broker: Digest,
  expires_at: z.string(),
});

export const FileAccessRequest = z.strictObject({
  authorization_details: RequestedDetails,
  reason: Reason.exactOptional(),
  /** RFC 7638 thumbprint of the key its tokens shall be bound to; else the registered key. */
  dpop_jkt: Digest.exactOptional(),
});
export const RejectAccessRequest = z.strictObject({ reason: Reason });

export const RunRequest = z.strictObject({
  /** The agent's own SQL, under a grant that holds none. */
  sql: z.string().min(1).max(16_384).exactOptional(),
  /** The schema, where the grant names several. */
  resource: Resource.exactOptional(),
});

export const ExplainRequest = z.strictObject({
  agent: NameOrId,
  connection: NameOrId,
  environment: NameOrId,
  operation: z.string().min(1).max(160),
  resource: Resource.exactOptional(),
});

export const TestGuardrailRequest = z.strictObject({
  policy: GuardrailPolicy,
  /** Seconds back from now; seven days when left out. */
  within: z.number().int().min(1).max(31_536_000).exactOptional(),
  /** An earlier answer's `next`. The counts are of the whole period all the same. */
  after: z
    .string()
    .regex(/^\d{1,15}$/, '`after` is the `next` of an earlier answer')
    .exactOptional(),
  limit: z.number().int().min(1).max(500).exactOptional(),
});

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const CLIENT_ASSERTION_JWT = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** Followed by the provider's kind of credential: `postgres`, … */
export const CREDENTIAL_TOKEN_TYPE = 'urn:countersign:params:oauth:token-type:';
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** `authorization_details` is RFC 9396 JSON inside the form. */
const form = {
  client_id: z.string().min(1).max(128).exactOptional(),
  client_assertion_type: z.literal(CLIENT_ASSERTION_JWT).exactOptional(),
  client_assertion: z.string().min(1).max(8192).exactOptional(),
  /** `client_secret_post`, or taken from the Authorization header (`client_secret_basic`). */
  client_secret: z.string().min(1).max(256).exactOptional(),
  authorization_details: z.string().min(2).max(65_536).exactOptional(),
};

export const TokenRequest = z.discriminatedUnion('grant_type', [
  z.strictObject({ grant_type: z.literal('client_credentials'), ...form }),
  z.strictObject({
    grant_type: z.literal(TOKEN_EXCHANGE),
    ...form,
    subject_token: z.string().min(1).max(16_384),
    subject_token_type: z.string().min(1).max(256),
    requested_token_type: z.string().min(1).max(256).exactOptional(),
  }),
  z.strictObject({ grant_type: z.literal(JWT_BEARER), assertion: z.string().min(1).max(8192) }),
]);
export type TokenRequest = z.infer<typeof TokenRequest>;

export const TokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.enum(['Bearer', 'DPoP', 'N_A']),
  expires_in: z.number().int(),
  issued_token_type: z.string().exactOptional(),
  authorization_details: z.array(z.record(z.string(), z.json())).exactOptional(),
  credential: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).exactOptional(),
  lease_id: Id.exactOptional(),
});
export type TokenAnswer = z.infer<typeof TokenAnswer>;
