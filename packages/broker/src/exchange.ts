/**
 * Token exchange (RFC 8693): a token becomes a provider credential that the provider itself narrows.
 * Law 4 in order: decide, append with the pending lease, only then ask the provider, then mark active.
 */
import { CountersignError, toInstant, uuidv7 } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import type { AccessTokenClaims } from '@countersign/tokens';
import { verifyAccessToken } from '@countersign/tokens';
import { authenticateClient, Unauthenticated, verifyShownKey } from './authenticate.ts';
import { openConnection } from './connection-credential.ts';
import {
  detailsOf,
  gatherFacts,
  judgeTargets,
  parseDetails,
  type Target,
  type TargetVerdict,
  targetsOf,
} from './deciding.ts';
import { entryIntent } from './denial-log.ts';
import { denied, deniedBy, oauthErrorOf, replayed, startedInTime, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import type { NewLease, OnceId } from './ports.ts';
import { revokeLease } from './revoke.ts';
import type { Decided, ExchangedCredential, ExchangeInput } from './use-cases.ts';
import { withinToken } from './within-token.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const CREDENTIAL_TYPES = 'urn:countersign:params:oauth:token-type:';
const ATTEMPTS = 8;
/** Connections a lease may open at once; a delete-capable one has exactly one. */
const CONNECTIONS = 8;

export async function exchange(
  deps: Deps,
  input: ExchangeInput,
): Promise<Decided<ExchangedCredential>> {
  const { claims, once } = await readSubject(deps, input);
  const agent = claims.sub;
  const target = await chooseTarget(deps, claims, input.authorizationDetails);
  if (target instanceof CountersignError) {
    const code = target.code === 'ambiguous_request' ? 'ambiguous_request' : 'not_granted';
    return await denied(deps, {
      agent,
      stage: 'exchange',
      code: target.code === 'unparseable_request' ? 'unparseable_request' : code,
      detail: target.message,
      oauthError: code === 'ambiguous_request' ? 'invalid_target' : 'invalid_authorization_details',
      once,
    });
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { version } = deps.authority;
    const now = deps.clock.now();
    const facts = await gatherFacts(deps, agent);
    if (deps.authority.version !== version) continue;
    // Only the grants the token names may cover it: a pointer to authority, never authority itself.
    const who = { agent, sender: claims.cnf?.jkt ?? null, grants: claims.grants };
    const judged = judgeTargets(facts, [target], who, now);
    if (!judged.allowed) {
      return await deniedBy(deps, { ...judged, agent, stage: 'exchange', once });
    }
    const [verdict] = judged.verdicts;
    if (verdict === undefined) throw UNAVAILABLE();
    const lease = planLease(deps, agent, verdict, now);
    const [outcome] = await deps.journal.commit([
      {
        ...entryIntent(lease.decision, 'decision', decisionBody(claims, verdict, lease), once),
        authorityVersion: version,
        uses: verdict.verdict.obligations.uses,
        lease,
      },
    ]);
    switch (outcome?.outcome) {
      case 'committed':
        return await mint(deps, verdict, lease, outcome.time);
      case 'stale':
        await deps.authority.refresh();
        continue;
      case 'exhausted':
        // Another request took the last use between the look and the commit: decide again to say so.
        continue;
      case 'replayed':
        return await replayed(deps, { agent, stage: 'exchange' });
      default:
        throw UNAVAILABLE();
    }
  }
  throw UNAVAILABLE();
}

async function readSubject(
  deps: Deps,
  input: ExchangeInput,
): Promise<{ readonly claims: AccessTokenClaims; readonly once: readonly OnceId[] }> {
  if (input.subjectTokenType !== ACCESS_TOKEN && input.subjectTokenType !== JWT) {
    throw new CountersignError('invalid_request', `subject_token_type must be ${ACCESS_TOKEN}.`);
  }
  if (input.requestedTokenType !== null && !input.requestedTokenType.startsWith(CREDENTIAL_TYPES)) {
    throw new CountersignError(
      'invalid_request',
      `requested_token_type is left out or begins with ${CREDENTIAL_TYPES}.`,
    );
  }
  const once: OnceId[] = [];
  let claims: AccessTokenClaims;
  try {
    claims = await verifyAccessToken(input.subjectToken, {
      keys: { keys: [deps.tokenSigner.publicJwk] },
      issuer: deps.issuer,
      now: deps.clock.now(),
    });
    if (claims.cnf !== undefined) {
      if (input.proof === null) {
        throw new CountersignError(
          'sender_mismatch',
          'This token is bound to a key; send a DPoP proof by it.',
        );
      }
      const shown = await verifyShownKey(deps, input.proof, { method: 'POST', url: input.url });
      if (shown.jkt !== claims.cnf.jkt) {
        throw new CountersignError('sender_mismatch', 'The proof is by another key.');
      }
      once.push(shown.once);
    }
  } catch (error) {
    if (error instanceof CountersignError && oauthCode(error.code)) {
      deps.denials.unauthenticated(error.code);
      throw new Unauthenticated(error.code, error.message);
    }
    throw error;
  }
  if (input.clientAssertion !== null || input.clientId !== null) {
    const client = await authenticateClient(deps, input);
    if (client.agent.id !== claims.sub) {
      throw new Unauthenticated('unauthenticated', 'The client is not the subject of the token.');
    }
    once.push(client.once);
  }
  return { claims, once };
}

function oauthCode(
  code: string,
): code is 'invalid_token' | 'token_expired' | 'token_revoked' | 'sender_mismatch' {
  return (
    code === 'invalid_token' ||
    code === 'token_expired' ||
    code === 'token_revoked' ||
    code === 'sender_mismatch'
  );
}

/** What to exchange: the request's own words when they stay within the token, else all of the token. */
async function chooseTarget(
  deps: Deps,
  claims: AccessTokenClaims,
  requested: string | null,
): Promise<Target | CountersignError> {
  const held = targetsOf(
    claims.authorization_details.map((detail) => ({
      type: 'countersign',
      connection: detail.connection,
      environment: detail.environment,
      ...(detail.operations === undefined ? {} : { operations: [...detail.operations] }),
      ...(detail.resources === undefined ? {} : { resources: [...detail.resources] }),
    })),
  );
  let targets: readonly Target[] = held;
  try {
    const details = parseDetails(requested);
    if (details !== null) targets = withinToken(deps, held, targetsOf(details));
  } catch (error) {
    if (error instanceof CountersignError) return error;
    throw error;
  }
  const [target, ...others] = targets;
  if (target === undefined) {
    return new CountersignError('not_granted', 'The token grants nothing that could be exchanged.');
  }
  if (others.length > 0) {
    return new CountersignError(
      'ambiguous_request',
      'The token covers several connections or environments; say which with authorization_details.',
    );
  }
  return target;
}

function planLease(deps: Deps, agent: string, judged: TargetVerdict, now: number): NewLease {
  const { verdict } = judged;
  const { obligations } = verdict;
  return {
    id: uuidv7(deps.clock, deps.random),
    agent,
    connection: verdict.connection.id,
    environment: verdict.environment,
    grants: [...new Set(verdict.rights.map((right) => right.grant))].sort(),
    rights: verdict.rights.map((right) => ({
      operation: right.operation,
      resource: right.resource,
      deleteCapable: right.effect !== 'read' && right.effect !== 'write',
    })),
    expiresAt: Math.min(now + obligations.ttl * 1000, obligations.until),
    decision: uuidv7(deps.clock, deps.random),
  };
}

function decisionBody(claims: AccessTokenClaims, judged: TargetVerdict, lease: NewLease) {
  const { target, verdict } = judged;
  return {
    verdict: 'allowed',
    stage: 'exchange',
    agent: lease.agent,
    token: claims.jti,
    authorization_details: detailsOf(target.connection, target.environment, verdict.rights),
    rights: verdict.rights.map((right) => ({ ...right })),
    grants: lease.grants,
    uses: verdict.obligations.uses.map((use) => use.grant),
    lease: { id: lease.id, connection: lease.connection, expires_at: toInstant(lease.expiresAt) },
  };
}

async function mint(
  deps: Deps,
  judged: TargetVerdict,
  lease: NewLease,
  committed: string,
): Promise<Decided<ExchangedCredential>> {
  const { target, verdict } = judged;
  try {
    const { provider, opened } = await openConnection(deps, verdict.connection);
    const { issuer } = provider;
    if (issuer === undefined) throw new ProviderError('refused', 'It mints no credentials.');
    startedInTime(deps, committed);
    const issued = await issuer.issue(opened, {
      leaseId: lease.id,
      rights: lease.rights,
      expiresAt: lease.expiresAt,
      maxConnections: verdict.obligations.deleteCapable ? 1 : CONNECTIONS,
    });
    // A revoke that committed meanwhile has taken the pending lease: what was made goes away again.
    if (!(await deps.leases.activate(lease.id))) {
      await issuer.revoke(opened, lease.id);
      throw new CountersignError('token_revoked', 'Its grant was revoked while it was exchanged.');
    }
    return {
      allowed: true,
      decision: lease.decision,
      value: {
        leaseId: lease.id,
        kind: issued.kind,
        primary: issued.primary,
        credential: issued.credential,
        expiresIn: Math.max(1, Math.floor((lease.expiresAt - deps.clock.now()) / 1000)),
        authorizationDetails: detailsOf(target.connection, target.environment, verdict.rights),
      },
    };
  } catch (error) {
    return await undo(deps, lease, judged, error);
  }
}

/** What did not become a credential is taken back; a use returns only when the provider refused. */
async function undo(
  deps: Deps,
  lease: NewLease,
  judged: TargetVerdict,
  error: unknown,
): Promise<Decided<never>> {
  const kind = error instanceof ProviderError ? error.kind : null;
  deps.log.warn(
    {
      lease: lease.id,
      connection: lease.connection,
      kind,
      reason: error instanceof Error ? error.message : 'unknown',
    },
    'a lease was not issued',
  );
  if (kind === 'refused' || kind === 'misconfigured') {
    await deps.journal.commit([
      {
        ...entryIntent(uuidv7(deps.clock, deps.random), 'lease.failed', {
          lease: lease.id,
          decision: lease.decision,
          agent: lease.agent,
          uses_returned: judged.verdict.obligations.uses.map((use) => use.grant),
        }),
        effects: [
          { kind: 'lease-state', id: lease.id, from: ['pending'], to: 'failed' },
          {
            kind: 'return-use',
            grants: judged.verdict.obligations.uses.map((use) => use.grant),
          },
        ],
      },
    ]);
  } else {
    await revokeLease(deps, lease.id, 'it was not issued');
  }
  const code =
    error instanceof CountersignError && error.code === 'token_revoked'
      ? 'token_revoked'
      : kind === 'refused' || kind === 'misconfigured'
        ? 'provider_refused'
        : kind === null
          ? 'broker_unavailable'
          : 'provider_unavailable';
  return await denied(deps, {
    agent: lease.agent,
    stage: 'exchange',
    code,
    detail: UNDONE[code],
    oauthError: oauthErrorOf(code),
    once: [],
  });
}

const UNDONE = {
  token_revoked: 'The grant behind this token was revoked while it was exchanged.',
  provider_refused: 'The provider refused to make this credential. An admin can see why.',
  provider_unavailable: 'The provider could not be reached, so nothing was handed out.',
  broker_unavailable: 'The broker could not finish this exchange, so nothing was handed out.',
} as const;
