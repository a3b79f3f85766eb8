/** A lease from its plan to the credential in hand, or taken back: what is durable, and in which order. */
import { escapesAccepted } from '@countersign/authority';
import { CountersignError, isDeleteCapable, toInstant, uuidv7 } from '@countersign/core';
import type { CoveredRight } from '@countersign/policy';
import { type IssuedCredential, ProviderError } from '@countersign/provider-kit';
import type { AccessTokenClaims } from '@countersign/tokens';
import { openConnection } from './connection-credential.ts';
import { detailsOf, type TargetVerdict } from './deciding.ts';
import { denied, oauthErrorOf, startAtProviderBefore } from './denying.ts';
import type { Deps } from './deps.ts';
import { entryIntent } from './intents.ts';
import type { NewLease } from './ports.ts';
import type { Decided, ExchangedCredential } from './use-cases.ts';

/** Connections a lease may open at once; a delete-capable one has exactly one. */
const CONNECTIONS = 8;

export function planLease(
  deps: Deps,
  agent: string,
  { verdict }: TargetVerdict,
  now: number,
): NewLease {
  const { obligations, connection } = verdict;
  const longest = deps.providers.get(connection.body.provider)?.issuer?.longestLifetime ?? 0;
  return {
    id: uuidv7(deps.clock, deps.random),
    agent,
    connection: connection.id,
    environment: verdict.environment,
    grants: [...new Set(verdict.rights.map((right) => right.grant))].sort(),
    rights: verdict.rights.map((right) => ({
      operation: right.operation,
      resource: right.resource,
      deleteCapable: isDeleteCapable(right.effect),
    })),
    expiresAt: Math.min(now + Math.min(obligations.ttl, longest) * 1000, obligations.until),
    decision: uuidv7(deps.clock, deps.random),
  };
}

/** The entry that allows a lease: which grant covers what, with which effect. */
export function leaseDecision(
  claims: Pick<AccessTokenClaims, 'jti' | 'cnf'>,
  judged: TargetVerdict,
  lease: NewLease,
) {
  const { target, verdict } = judged;
  return {
    verdict: 'allowed',
    stage: 'exchange',
    agent: lease.agent,
    token: claims.jti,
    jkt: claims.cnf?.jkt ?? null,
    connection: target.connection,
    environment: target.environment,
    rights: grouped(verdict.rights),
    grants: lease.grants,
    uses: verdict.obligations.uses.map((use) => use.grant),
    lease: { id: lease.id, connection: lease.connection, expires_at: toInstant(lease.expiresAt) },
  };
}

/** Rights by grant and effect, each group a full product: an entry is bounded, a product is not. */
export function grouped(rights: readonly CoveredRight[]) {
  const groups = new Map<string, { grant: string; effect: string; rights: CoveredRight[] }>();
  for (const right of rights) {
    const key = `${right.grant} ${right.effect}`;
    const group = groups.get(key) ?? { grant: right.grant, effect: right.effect, rights: [] };
    group.rights.push(right);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ grant, effect, rights: members }) =>
    detailsOf('', '', members).map(({ operations, resources }) => ({
      grant,
      effect,
      operations,
      resources,
    })),
  );
}

/**
 * Asks the provider, then marks the lease active. Whatever fails on the way is taken back and recorded.
 * @param deadline of `startBy`: an action that has not begun by then never begins (Law 4)
 */
export async function mintLease(
  deps: Deps,
  judged: TargetVerdict,
  lease: NewLease,
  deadline: number,
): Promise<Decided<ExchangedCredential>> {
  try {
    const issued = await askProvider(deps, judged, lease, deadline);
    const { target, verdict } = judged;
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
    return await takeBack(deps, judged, lease, error);
  }
}

async function askProvider(
  deps: Deps,
  { verdict }: TargetVerdict,
  lease: NewLease,
  deadline: number,
): Promise<IssuedCredential> {
  const { provider, opened } = await openConnection(deps, verdict.connection);
  const { issuer } = provider;
  if (issuer === undefined) throw new ProviderError('refused', 'It mints no credentials.');
  const issued = await issuer.issue(opened, {
    leaseId: lease.id,
    rights: lease.rights,
    expiresAt: lease.expiresAt,
    maxConnections: verdict.obligations.deleteCapable ? 1 : CONNECTIONS,
    acceptedEscapes: escapesAccepted(deps.authority.state, verdict.connection.id),
    requireStart: () => startAtProviderBefore(deadline),
  });
  // A revoke that committed meanwhile has taken the pending lease: what was made goes away again.
  if (!(await deps.leases.activate(lease.id))) {
    await issuer.revoke(opened, lease.id);
    throw new CountersignError('token_revoked', 'Its grant was revoked while it was exchanged.');
  }
  return issued;
}

const SAID = {
  token_revoked: 'The grant behind this token was revoked while it was exchanged.',
  grant_suspended:
    'What was granted cannot be kept to there at the moment. An admin can see why: countersign connection check',
  provider_refused: 'The provider refused to make this credential. An admin can see why.',
  provider_unavailable: 'The provider could not be reached, so nothing was handed out.',
  broker_unavailable: 'The broker could not finish this exchange, so nothing was handed out.',
} as const;

/** What did not become a credential is taken back; a use returns only when the provider refused. */
async function takeBack(
  deps: Deps,
  judged: TargetVerdict,
  lease: NewLease,
  error: unknown,
): Promise<Decided<never>> {
  const kind = error instanceof ProviderError ? error.kind : null;
  const reason = error instanceof Error ? error.message : 'unknown';
  deps.log.warn(
    { lease: lease.id, connection: lease.connection, kind, reason },
    'no lease was issued',
  );
  // Nothing was made, so nothing is left to take back, and the use returns.
  if (kind === 'refused' || kind === 'misconfigured' || kind === 'escape') {
    await recordFailure(deps, judged, lease);
  } else {
    await deps.revoker.revoke([lease], 'it was not issued');
  }
  const code = codeOf(error, kind);
  return await denied(deps, {
    agent: lease.agent,
    stage: 'exchange',
    code,
    detail: code === 'grant_suspended' ? `${SAID[code]} ${judged.target.connection}` : SAID[code],
    // The agent hears no details; whoever reads the ledger does.
    ...(kind === 'escape' ? { reason } : {}),
    oauthError: oauthErrorOf(code),
    asked: { lease: lease.id },
    once: [],
  });
}

function codeOf(error: unknown, kind: ProviderError['kind'] | null): keyof typeof SAID {
  if (error instanceof CountersignError && error.code === 'token_revoked') return 'token_revoked';
  if (kind === null) return 'broker_unavailable';
  if (kind === 'escape') return 'grant_suspended';
  return kind === 'refused' || kind === 'misconfigured'
    ? 'provider_refused'
    : 'provider_unavailable';
}

async function recordFailure(deps: Deps, judged: TargetVerdict, lease: NewLease): Promise<void> {
  const grants = judged.verdict.obligations.uses.map((use) => use.grant);
  const body = {
    lease: lease.id,
    decision: lease.decision,
    agent: lease.agent,
    uses_returned: grants,
  };
  await deps.journal.commit([
    {
      ...entryIntent(uuidv7(deps.clock, deps.random), 'lease.failed', body),
      effects: [
        { kind: 'lease-state', id: lease.id, from: ['pending'], to: 'failed' },
        { kind: 'return-use', grants },
      ],
    },
  ]);
}
