/**
 * One strict shape per statement kind (Law 1). Bodies carry from the start what later versions need,
 * every member is always present (null where there is nothing), so a meaning has one form only and
 * what was signed never has to change.
 */
import { z } from 'zod';
import {
  Base64Url,
  Digest,
  Ed25519Jwk,
  Effect,
  Id,
  Instant,
  JsonObject,
  KeyType,
  Name,
  Operation,
  PublicJwk,
  Reason,
  Resource,
  Role,
  SecretHash,
  StatementId,
  sortedSet,
} from './primitives.ts';

/** Where a WebAuthn key lives; null for a device key. */
const RelyingParty = z.strictObject({ id: z.string().max(253), origin: z.string().max(300) });

const GenesisBody = z.strictObject({
  name: Name,
  key: Ed25519Jwk,
  key_type: KeyType,
  /** Thumbprint of the key that the recovery code stands for, which the first human alone was shown. */
  recovery: Digest,
  rp: RelyingParty.nullable(),
  /** Verifies this broker's checkpoints. */
  ledger_key: Ed25519Jwk,
  /** Issuer whose distinct subjects humans must show at enrolment; null: not demanded. */
  identity_provider: z.string().max(300).nullable(),
});

const HumanEnrollBody = z.strictObject({
  /** Null enrols a new human; an id is of one who gets another key, or other roles and groups. */
  human: StatementId.nullable(),
  name: Name,
  /** The new key. Where only roles and groups change, one that this human has already. */
  key: Ed25519Jwk,
  key_type: KeyType,
  /** RFC 7638 thumbprint of `key`, which the sponsor compared with what the joiner read out. */
  fingerprint: Digest,
  roles: sortedSet(Role, 1, 3),
  groups: sortedSet(Name, 0, 16),
  /** The human who vouches; must be among the signers. */
  sponsor: StatementId,
  recovery: Digest.nullable(),
  rp: RelyingParty.nullable(),
  /** Subject at the identity provider genesis names. */
  subject: z.string().max(300).nullable(),
});

/** A new key for a human who lost all, shown to be theirs by the key of their recovery code. */
const RecoverBody = z.strictObject({
  human: StatementId,
  key: Ed25519Jwk,
  key_type: KeyType,
  /** RFC 7638 thumbprint of `key`. */
  fingerprint: Digest,
  /** Of the code given at enrolment; its thumbprint is what stands there. Signs this once. */
  recovery_key: Ed25519Jwk,
  /** Of the next code. */
  recovery: Digest,
  rp: RelyingParty.nullable(),
  reason: Reason,
});

const HumanRemoveBody = z.strictObject({ human: StatementId, reason: Reason });
const KeyRevokeBody = z.strictObject({ key: Digest, reason: Reason });

const EnvironmentSetBody = z.strictObject({
  /** Null makes a new environment. */
  environment: StatementId.nullable(),
  name: Name,
  /** `production` is above every other class. */
  class: Name,
  /** Distinct approvers for delete-capable grants; the floor of two is law, not a setting. */
  quorum: z.number().int().min(2).max(16),
  groups: sortedSet(Name, 0, 8),
  /** How many of the quorum must sign with user-verified keys. */
  user_verified: z.number().int().min(0).max(16),
  /** Seconds between the completing signature and the start of a delete-capable grant. */
  cool_off: z.number().int().min(0).max(604_800),
  require_dpop: z.boolean(),
});

const PrivateKeyJwt = z.strictObject({
  method: z.literal('private_key_jwt'),
  jwks: z.strictObject({ keys: z.array(PublicJwk).min(1).max(2) }),
});
const Federated = z.strictObject({
  method: z.literal('federated'),
  issuer: z.string().min(1).max(300),
  audience: z.string().min(1).max(300),
  subject: z.string().min(1).max(300),
  claims: z.record(z.string().max(64), z.string().max(300)),
});

export const AgentAuth = z.discriminatedUnion('method', [
  PrivateKeyJwt,
  z.strictObject({ method: z.literal('client_secret'), secret_hash: SecretHash }),
  Federated,
]);
export type AgentAuth = z.infer<typeof AgentAuth>;

/** As a proposer asks for it: a secret and its hash are the broker's to make, never the proposer's. */
export const AgentAuthDraft = z.discriminatedUnion('method', [
  PrivateKeyJwt,
  z.strictObject({ method: z.literal('client_secret') }),
  Federated,
]);
export type AgentAuthDraft = z.infer<typeof AgentAuthDraft>;

const AgentRegisterBody = z.strictObject({
  name: Name,
  auth: AgentAuth,
  require_dpop: z.boolean(),
});
const AgentDisableBody = z.strictObject({ agent: StatementId, reason: Reason });

/** Replaces how an agent authenticates; delete-capable grants that pin the former are suspended. */
const AgentCredentialSetBody = z.strictObject({
  agent: StatementId,
  auth: AgentAuth,
  require_dpop: z.boolean(),
  reason: Reason,
});

const ConnectionSetBody = z.strictObject({
  /** Null makes a new connection. */
  connection: StatementId.nullable(),
  name: Name,
  provider: Name,
  /** The provider's canonical endpoint; the root credential is sealed to it and to the account. */
  endpoint: z.string().min(1).max(512),
  account: z.string().min(1).max(256),
  /** Completed by the provider at the draft, pins included. */
  config: JsonObject,
  /** Environment id → the provider's own ids that belong to it. Disjoint across all connections. */
  mapping: z.record(StatementId, sortedSet(Resource, 1, 64)),
  /** SHA-256 of a 32-byte salt and the root credential, which travels beside the statement. */
  credential: Digest,
});

export const Permission = z.strictObject({
  /** Digest of the catalog the effects were read from. */
  catalog: Digest,
  operations: z
    .array(z.strictObject({ name: Operation, effect: Effect }))
    .min(1)
    .max(64)
    .refine(
      (list) => list.every((op, i) => i === 0 || (list[i - 1]?.name ?? '') < op.name),
      'operations are distinct and in ascending order',
    ),
  resources: sortedSet(Resource, 1, 512),
});
export type Permission = z.infer<typeof Permission>;

export const GrantCreateBody = z.strictObject({
  agent: StatementId,
  connection: StatementId,
  environment: StatementId,
  /** Each a full product of operations and resources, listed explicitly. */
  permissions: z.array(Permission).min(1).max(32),
  /** Longest life of one lease, in seconds. */
  ttl: z.number().int().min(1).max(43_200),
  /** Seconds the grant stands, from the end of the cool-off. */
  valid_for: z.number().int().min(1).max(31_536_000),
  /** One use is one lease, or one classified call; null: unlimited. */
  max_uses: z.number().int().min(1).max(1_000_000).nullable(),
  /** What must not have changed since; demanded of delete-capable grants. */
  pins: z
    .strictObject({
      agent_credentials: sortedSet(Digest, 1, 2),
      connection: Digest,
    })
    .nullable(),
  /** RFC 7638 thumbprint of the key that tokens of this grant are bound to. */
  sender: Digest.nullable(),
  /** The exact SQL this grant lets the broker run. */
  sql: z.string().min(1).max(16_384).nullable(),
  /** What a delete would take with it; opaque here, shown to those who sign. */
  assessment: z
    .strictObject({ kind: Name, v: z.number().int().min(1), body: JsonObject })
    .nullable(),
  /** The access request this answers. */
  request: Id.nullable(),
  reason: Reason,
});
export type GrantCreateBody = z.infer<typeof GrantCreateBody>;

const ConnectionRemoveBody = z.strictObject({ connection: StatementId, reason: Reason });

/** What an emergency stop stops. One form each: `id` is null for everything and nothing else. */
export const FreezeTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('everything'), id: z.null() }),
  z.strictObject({
    kind: z.enum(['environment', 'connection', 'agent', 'human']),
    id: StatementId,
  }),
  z.strictObject({ kind: z.literal('key'), id: Digest }),
]);
export type FreezeTarget = z.infer<typeof FreezeTarget>;

const FreezeBody = z.strictObject({ target: FreezeTarget, reason: Reason });
const UnfreezeBody = z.strictObject({ freeze: StatementId, reason: Reason });

const EscapeAcceptBody = z.strictObject({
  connection: StatementId,
  /** As the provider named them: a way around granted rights, and the digest of what it is now. */
  escapes: z
    .array(z.strictObject({ object: Resource, digest: Digest }))
    .min(1)
    .max(64)
    .refine(
      (list) => list.every(({ object }, i) => i === 0 || (list[i - 1]?.object ?? '') < object),
      'escapes are distinct and in ascending order of their objects',
    ),
  reason: Reason,
});

const CatalogAdoptBody = z.strictObject({
  provider: Name,
  /** A catalog some server recorded: from now on it counts, and what is recorded after it. */
  digest: Digest,
  /** This deployment's own word on single operations, in place of the catalog's, for every case of them. */
  effects: z
    .array(z.strictObject({ operation: Operation, effect: Effect }))
    .max(256)
    .refine(
      (list) =>
        list.every(({ operation }, i) => i === 0 || (list[i - 1]?.operation ?? '') < operation),
      'operations are distinct and in ascending order',
    ),
  reason: Reason,
});

const GuardrailAddBody = z.strictObject({
  /** Null adds one; an id is of one that this replaces. */
  guardrail: StatementId.nullable(),
  name: Name,
  /** Cedar policies, `forbid` only. */
  policy: z.string().min(1).max(16_384),
  reason: Reason,
});
const GuardrailRemoveBody = z.strictObject({ guardrail: StatementId, reason: Reason });

/** A point of the ledger: how many entries, and the root of the tree over them (RFC 6962). */
export const TreeHead = z.strictObject({ size: z.number().int().min(0), root: Digest });

const RestoreAcceptBody = z.strictObject({
  /** The latest checkpoint of the mirror; size 0 where none can be read. */
  mirror: TreeHead,
  /** What the database holds that is gone on with, or its beginning. */
  restored: TreeHead,
  reason: Reason,
});

/** Statements are never pruned; of everything older only what the tree is made of stays. */
const PruneBody = z.strictObject({ before: Instant, reason: Reason });

const GrantRevokeBody = z.strictObject({ grant: StatementId, reason: Reason });
const StatementRejectBody = z.strictObject({ statement: StatementId, reason: Reason });

/** Kinds whose bodies have a shape. The order is the one `describe` and the docs list them in. */
export const STATEMENT_BODIES = {
  genesis: GenesisBody,
  'human.enroll': HumanEnrollBody,
  recover: RecoverBody,
  'human.remove': HumanRemoveBody,
  'key.revoke': KeyRevokeBody,
  'environment.set': EnvironmentSetBody,
  'agent.register': AgentRegisterBody,
  'agent.credential.set': AgentCredentialSetBody,
  'agent.disable': AgentDisableBody,
  'connection.set': ConnectionSetBody,
  'connection.remove': ConnectionRemoveBody,
  'grant.create': GrantCreateBody,
  'grant.revoke': GrantRevokeBody,
  'statement.reject': StatementRejectBody,
  freeze: FreezeBody,
  unfreeze: UnfreezeBody,
  'escape.accept': EscapeAcceptBody,
  'catalog.adopt': CatalogAdoptBody,
  'guardrail.add': GuardrailAddBody,
  'guardrail.remove': GuardrailRemoveBody,
  'restore.accept': RestoreAcceptBody,
  prune: PruneBody,
} as const;

export type StatementKind = keyof typeof STATEMENT_BODIES;

export const STATEMENT_KINDS = [
  'genesis',
  'human.enroll',
  'recover',
  'human.remove',
  'key.revoke',
  'environment.set',
  'agent.register',
  'agent.credential.set',
  'agent.disable',
  'connection.set',
  'connection.remove',
  'grant.create',
  'grant.revoke',
  'statement.reject',
  'freeze',
  'unfreeze',
  'escape.accept',
  'catalog.adopt',
  'guardrail.add',
  'guardrail.remove',
  'restore.accept',
  'prune',
] as const satisfies readonly StatementKind[];

function statement<K extends StatementKind, B extends z.ZodType>(kind: K, body: B) {
  return z.strictObject({
    v: z.literal(1),
    kind: z.literal(kind),
    id: StatementId,
    /** Fingerprint of genesis; null in genesis itself. */
    broker: kind === 'genesis' ? z.null() : Digest,
    issued_at: Instant,
    sign_by: Instant,
    body,
  });
}

/** The signed document. Its bytes are its RFC 8785 form and nothing else. */
export const Statement = z.discriminatedUnion('kind', [
  statement('genesis', GenesisBody),
  statement('human.enroll', HumanEnrollBody),
  statement('recover', RecoverBody),
  statement('human.remove', HumanRemoveBody),
  statement('key.revoke', KeyRevokeBody),
  statement('environment.set', EnvironmentSetBody),
  statement('agent.register', AgentRegisterBody),
  statement('agent.credential.set', AgentCredentialSetBody),
  statement('agent.disable', AgentDisableBody),
  statement('connection.set', ConnectionSetBody),
  statement('connection.remove', ConnectionRemoveBody),
  statement('grant.create', GrantCreateBody),
  statement('grant.revoke', GrantRevokeBody),
  statement('statement.reject', StatementRejectBody),
  statement('freeze', FreezeBody),
  statement('unfreeze', UnfreezeBody),
  statement('escape.accept', EscapeAcceptBody),
  statement('catalog.adopt', CatalogAdoptBody),
  statement('guardrail.add', GuardrailAddBody),
  statement('guardrail.remove', GuardrailRemoveBody),
  statement('restore.accept', RestoreAcceptBody),
  statement('prune', PruneBody),
]);
export type Statement = z.infer<typeof Statement>;
export type StatementOf<K extends StatementKind> = Extract<Statement, { kind: K }>;

/** RFC 7515 section 7.2.1, flattened per signer; `protected` is exactly `{alg, kid, typ}`. */
export const StatementSignature = z.strictObject({
  protected: Base64Url.max(512),
  signature: Base64Url.max(128),
});
export type StatementSignature = z.infer<typeof StatementSignature>;

/** WebAuthn assertions; the shape is held open, no key can make one yet. */
export const StatementAssertion = z.strictObject({
  kid: Digest,
  authenticator_data: Base64Url.max(2048),
  client_data: Base64Url.max(4096),
  signature: Base64Url.max(1024),
});

export const Envelope = z.strictObject({
  /** base64url of the statement's canonical bytes, 32 KiB at most. */
  payload: Base64Url.min(2).max(43_692),
  signatures: z.array(StatementSignature).max(16),
  assertions: z.array(StatementAssertion).max(16),
});
export type Envelope = z.infer<typeof Envelope>;

/** A statement is at most this many canonical bytes. */
export const MAX_STATEMENT_BYTES = 32_768;

/** `typ` of a statement signature's protected header. */
export const STATEMENT_SIGNATURE_TYPE = 'countersign-statement+jws';
