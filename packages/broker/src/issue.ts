/** client_credentials: mints a token from the agent's grants. Durable before it exists (Law 4). */
import type { GrantedDetail } from '@countersign/contract';
import { CountersignError, Secret, toInstant, uuidv7 } from '@countersign/core';
import { type AccessTokenClaims, mintAccessToken } from '@countersign/tokens';
import { authenticateClient, type ShownKey, verifyShownKey } from './authenticate.ts';
import {
  detailsOf,
  everyTarget,
  gatherFacts,
  type Judged,
  judgeTargets,
  parseDetails,
  type Target,
  targetsOf,
} from './deciding.ts';
import { entryIntent } from './denial-log.ts';
import { denied, deniedBy, replayed, startedInTime, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import type { Decided, IssuedToken, IssueInput } from './use-cases.ts';

/** Seconds: default life of a token, and the longest of one that can delete. */
const TOKEN_LIFE = 300;
const DELETE_CAPABLE_LIFE = 120;
/** A decision that went stale is made again; past this many times it is refused, not looped. */
const ATTEMPTS = 8;

export async function issue(deps: Deps, input: IssueInput): Promise<Decided<IssuedToken>> {
  const client = await authenticateClient(deps, input);
  const shown = await showKey(deps, input.proof, input.url);
  const once = shown === null ? [client.once] : [client.once, shown.once];
  const details = parseOrDeny(input.authorizationDetails);
  if (details instanceof CountersignError) {
    return await denied(deps, {
      agent: client.agent.id,
      stage: 'issue',
      code: 'unparseable_request',
      detail: details.message,
      oauthError: 'invalid_authorization_details',
      once,
    });
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { version } = deps.authority;
    const now = deps.clock.now();
    const facts = await gatherFacts(deps, client.agent.id);
    if (deps.authority.version !== version) continue;
    const who = { agent: client.agent.id, sender: shown?.jkt ?? null, grants: null };
    const judged =
      details === null
        ? judgeWhateverIsGranted(deps, facts, who, now)
        : judgeTargets(facts, targetsOf(details), who, now);
    if (!judged.allowed) {
      return await deniedBy(deps, { ...judged, agent: client.agent.id, stage: 'issue', once });
    }
    const minting = compose(deps, judged, client.agent, shown, now);
    const [outcome] = await deps.journal.commit([
      {
        ...entryIntent(minting.decision, 'decision', minting.body, once),
        authorityVersion: version,
      },
    ]);
    if (outcome?.outcome === 'stale') {
      await deps.authority.refresh();
      continue;
    }
    if (outcome?.outcome === 'replayed') {
      return await replayed(deps, { agent: client.agent.id, stage: 'issue' });
    }
    if (outcome?.outcome !== 'committed') throw UNAVAILABLE();
    startedInTime(deps, outcome.time);
    return {
      allowed: true,
      decision: minting.decision,
      value: {
        accessToken: new Secret(
          'access token',
          await mintAccessToken(deps.tokenSigner, minting.claims),
        ),
        tokenType: shown === null ? 'Bearer' : 'DPoP',
        expiresIn: minting.claims.exp - minting.claims.iat,
        authorizationDetails: minting.details,
      },
    };
  }
  throw UNAVAILABLE();
}

async function showKey(deps: Deps, proof: string | null, url: string): Promise<ShownKey | null> {
  return proof === null ? null : await verifyShownKey(deps, proof, { method: 'POST', url });
}

function parseOrDeny(text: string | null) {
  try {
    return parseDetails(text);
  } catch (error) {
    if (error instanceof CountersignError) return error;
    throw error;
  }
}

/** Nothing asked for: every granted read and write; nothing granted is an empty token, not an error. */
function judgeWhateverIsGranted(
  deps: Deps,
  facts: Parameters<typeof judgeTargets>[0],
  who: Parameters<typeof judgeTargets>[2],
  now: number,
): Judged {
  const verdicts = [];
  for (const target of everyTarget(deps, who.agent)) {
    const judged = judgeTargets(facts, [target], who, now);
    if (judged.allowed) verdicts.push(...judged.verdicts);
    else if (judged.verdict.code !== 'not_granted') return judged;
  }
  if (verdicts.length === 0 && facts.authority.agents.get(who.agent)?.disabledAt !== null) {
    return judgeTargets(facts, [NOWHERE], who, now);
  }
  return { allowed: true, verdicts };
}

const NOWHERE: Target = { connection: '', environment: '', asks: [] };

interface Minting {
  readonly decision: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly claims: AccessTokenClaims;
  readonly details: readonly GrantedDetail[];
}

function compose(
  deps: Deps,
  judged: Extract<Judged, { allowed: true }>,
  agent: { readonly id: string },
  shown: { readonly jkt: string } | null,
  now: number,
): Minting {
  const iat = Math.floor(now / 1000);
  const obligations = judged.verdicts.map(({ verdict }) => verdict.obligations);
  const life = obligations.some((each) => each.deleteCapable) ? DELETE_CAPABLE_LIFE : TOKEN_LIFE;
  const until = Math.min(...obligations.map((each) => Math.floor(each.until / 1000)), iat + life);
  const jti = uuidv7(deps.clock, deps.random);
  const details = judged.verdicts.flatMap(({ target, verdict }) =>
    detailsOf(target.connection, target.environment, verdict.rights),
  );
  const grants = [
    ...new Set(
      judged.verdicts.flatMap(({ verdict }) => verdict.rights.map((right) => right.grant)),
    ),
  ].sort();
  const claims: AccessTokenClaims = {
    iss: deps.issuer,
    sub: agent.id,
    aud: deps.issuer,
    iat,
    nbf: iat,
    exp: Math.max(until, iat + 1),
    jti,
    client_id: agent.id,
    authorization_details: details,
    grants,
    ...(shown === null ? {} : { cnf: { jkt: shown.jkt } }),
  };
  return {
    decision: uuidv7(deps.clock, deps.random),
    claims,
    details,
    body: {
      verdict: 'allowed',
      stage: 'issue',
      agent: agent.id,
      authorization_details: details,
      grants,
      token: { jti, expires_at: toInstant(claims.exp * 1000), jkt: shown?.jkt ?? null },
    },
  };
}
