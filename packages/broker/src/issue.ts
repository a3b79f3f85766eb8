/** client_credentials: mints a token from the agent's grants. Durable before it exists (Law 4). */
import type { GrantedDetail } from '@countersign/contract';
import { CountersignError, type DenialCode, Secret, toInstant, uuidv7 } from '@countersign/core';
import type { Facts } from '@countersign/policy';
import { type AccessTokenClaims, mintAccessToken } from '@countersign/tokens';
import {
  type AuthenticatedClient,
  authenticateClient,
  refuseReplaced,
  type ShownKey,
  stillAuthenticates,
  verifyShownKey,
} from './authenticate.ts';
import { type At, type Attempt, decideAndCommit } from './decide-and-commit.ts';
import {
  detailsOf,
  everyTarget,
  gatherFacts,
  type Judged,
  judgeTargets,
  parseDetails,
  type Target,
  type TargetVerdict,
  targetsOf,
} from './deciding.ts';
import {
  denied,
  deniedBy,
  oauthErrorOf,
  replayed,
  requireStartBefore,
  UNAVAILABLE,
} from './denying.ts';
import type { Deps } from './deps.ts';
import { inTurn } from './in-turn.ts';
import { entryIntent } from './intents.ts';
import type { OnceId } from './ports.ts';
import type { Decided, IssuedToken, IssueInput } from './use-cases.ts';

/** Seconds: default life of a token, and the longest of one that can delete. */
const TOKEN_LIFE = 300;
const DELETE_CAPABLE_LIFE = 120;
/** Bytes of claims that still make a token any HTTP server takes in a header. */
const LARGEST_CLAIMS = 8_192;

export async function issue(deps: Deps, input: IssueInput): Promise<Decided<IssuedToken>> {
  const client = await authenticateClient(deps, input);
  return await inTurn(deps, { agent: client.agent.id, stage: 'issue' }, async () => {
    const asked = await readQuestion(deps, input);
    if (asked instanceof CountersignError) return await unreadable(deps, client, asked);
    const once = asked.shown === null ? client.once : [...client.once, asked.shown.once];
    return await decideAndCommit(deps, (at) => attempt(deps, { client, once, ...asked }, at));
  });
}

interface Question {
  /** The key the caller has shown, or null. */
  readonly shown: ShownKey | null;
  /** Null: whatever is granted. */
  readonly targets: readonly Target[] | null;
}

async function readQuestion(deps: Deps, input: IssueInput): Promise<Question | CountersignError> {
  try {
    const shown =
      input.proof === null
        ? null
        : await verifyShownKey(deps, input.proof, { method: 'POST', url: input.url });
    const details = parseDetails(input.authorizationDetails);
    return { shown, targets: details === null ? null : targetsOf(details) };
  } catch (error) {
    if (error instanceof CountersignError) return error;
    throw error;
  }
}

/** The client is known, so its unreadable proof or question is a decision, and an entry. */
async function unreadable(
  deps: Deps,
  { agent, once }: AuthenticatedClient,
  error: CountersignError,
): Promise<Decided<never>> {
  const isProof = error.code !== 'unparseable_request';
  return await denied(deps, {
    agent: agent.id,
    stage: 'issue',
    code: isProof ? 'sender_mismatch' : 'unparseable_request',
    detail: error.message,
    oauthError: isProof ? 'invalid_dpop_proof' : 'invalid_authorization_details',
    asked: error.message,
    once,
  });
}

async function attempt(
  deps: Deps,
  question: Question & { readonly client: AuthenticatedClient; readonly once: readonly OnceId[] },
  { now }: At,
): Promise<Attempt<Decided<IssuedToken>>> {
  const { client, once, shown, targets } = question;
  if (!stillAuthenticates(deps.authority.state, client)) {
    return { refuse: () => refuseReplaced(deps) };
  }
  const sender = shown?.jkt ?? null;
  const who = { agent: client.agent.id, sender, grants: null, use: 'either' as const };
  const facts = await gatherFacts(deps, who.agent);
  const judged =
    targets === null
      ? judgeWhateverIsGranted(deps, facts, who, now)
      : judgeTargets(facts, targets, who, now);
  if (!judged.allowed) {
    const refusal = { ...judged, agent: who.agent, stage: 'issue', once };
    return { refuse: () => deniedBy(deps, refusal) };
  }
  let minting = compose(deps, judged.verdicts, client, shown, now);
  if (JSON.stringify(minting.claims).length > LARGEST_CLAIMS) {
    if (targets !== null) return { refuse: () => tooMuch(deps, who.agent, once) };
    minting = compose(deps, [], client, shown, now);
  }
  return {
    intent: {
      ...entryIntent(minting.decision, 'decision', minting.body, once),
      notAfter: minting.until,
    },
    async settle({ outcome }, deadline) {
      if (outcome === 'replayed') {
        return await replayed(deps, { agent: who.agent, stage: 'issue' });
      }
      if (outcome !== 'committed') throw UNAVAILABLE();
      const token = await mintAccessToken(deps.tokenKeys.signer(), minting.claims);
      requireStartBefore(deadline);
      return {
        allowed: true,
        decision: minting.decision,
        value: {
          accessToken: new Secret('access token', token),
          tokenType: shown === null ? 'Bearer' : 'DPoP',
          expiresIn: minting.claims.exp - minting.claims.iat,
          authorizationDetails: minting.details,
        },
      };
    },
  };
}

/**
 * Nothing asked for: every granted read and write that can be had by this caller. What cannot does not
 * spoil the rest, and nothing at all is an empty token: enough to ask for more.
 */
function judgeWhateverIsGranted(
  deps: Deps,
  facts: Facts,
  who: Parameters<typeof judgeTargets>[2],
  now: number,
): Judged {
  // An agent that is stopped altogether gets no token at all, not even an empty one.
  const nowhere = judgeTargets(facts, [NOWHERE], who, now);
  if (!nowhere.allowed && STOPPED.has(nowhere.verdict.code)) return nowhere;
  const judged = everyTarget(deps, who.agent).map((target) =>
    judgeTargets(facts, [target], who, now),
  );
  const verdicts = judged.flatMap((each) => (each.allowed ? each.verdicts : []));
  if (verdicts.length > 0) return { allowed: true, verdicts };
  const telling = judged.find((each) => !each.allowed && each.verdict.code === 'sender_mismatch');
  return telling ?? { allowed: true, verdicts: [] };
}

/** Codes that concern the agent itself, wherever it wants to go. */
const STOPPED: ReadonlySet<DenialCode> = new Set(['unauthenticated', 'agent_disabled', 'frozen']);
const NOWHERE: Target = { connection: '', environment: '', asks: [], grant: null };

async function tooMuch(
  deps: Deps,
  agent: string,
  once: readonly OnceId[],
): Promise<Decided<never>> {
  return await denied(deps, {
    agent,
    stage: 'issue',
    code: 'ambiguous_request',
    detail:
      'This is more than one token holds; ask for fewer operations, resources or environments.',
    oauthError: oauthErrorOf('ambiguous_request'),
    once,
  });
}

interface Minting {
  readonly decision: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly claims: AccessTokenClaims;
  readonly details: readonly GrantedDetail[];
  /** Milliseconds: when the first of its grants ends; null when it names none. */
  readonly until: number | null;
}

function compose(
  deps: Deps,
  verdicts: readonly TargetVerdict[],
  client: AuthenticatedClient,
  shown: { readonly jkt: string } | null,
  now: number,
): Minting {
  const { agent } = client;
  const credential = credentialOf(deps, client);
  const iat = Math.floor(now / 1000);
  const obligations = verdicts.map(({ verdict }) => verdict.obligations);
  const life = obligations.some((each) => each.deleteCapable) ? DELETE_CAPABLE_LIFE : TOKEN_LIFE;
  const until = Math.min(...obligations.map((each) => Math.floor(each.until / 1000)), iat + life);
  const jti = uuidv7(deps.clock, deps.random);
  const details = verdicts.flatMap(({ target, verdict }) =>
    detailsOf(target.connection, target.environment, verdict.rights),
  );
  const rights = verdicts.flatMap(({ verdict }) => verdict.rights);
  const grants = [...new Set(rights.map((right) => right.grant))].sort();
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
    until: grants.length === 0 ? null : Math.min(...obligations.map((each) => each.until)),
    body: {
      verdict: 'allowed',
      stage: 'issue',
      agent: agent.id,
      credential,
      authorization_details: details,
      grants,
      token: { jti, expires_at: toInstant(claims.exp * 1000), jkt: shown?.jkt ?? null },
    },
  };
}

/** What the ledger keeps of how an agent authenticated: its key, or the digest that stands for its secret. */
function credentialOf(deps: Deps, { agent, credential }: AuthenticatedClient): string | null {
  const { credentials } = deps.authority.state.agents.get(agent.id) ?? agent;
  return credentials.includes(credential) ? credential : (credentials[0] ?? null);
}
