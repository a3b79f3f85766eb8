/**
 * How authority changes: a proposal, a signature or a rejection is judged against the fold, appended
 * fenced on the version it was judged on, folded in, and only then acted upon (leases cut).
 */
import {
  type Accepted,
  type DecodedStatement,
  decodeStatement,
  type Judgement,
  judge,
  parseEnvelope,
} from '@countersign/authority';
import type {
  AuthorityEntryType,
  CredentialBeside,
  Envelope,
  ProposeRequest,
  StatementAnswer,
  StatementOf,
  StatementSignature,
} from '@countersign/contract';
import {
  type CountersignError,
  fromInstant,
  inputError,
  Secret,
  toInstant,
  uuidv7,
} from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { catalogEntries } from './catalogs.ts';
import { commitmentTo, openConnection } from './connection-credential.ts';
import { decideAndCommit } from './decide-and-commit.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { intentOf } from './intents.ts';
import { codeHash } from './one-time-code.ts';
import type { EntryDraft, Lease, RowEffect } from './ports.ts';
import { cutWithoutAuthority } from './revoke.ts';
import type { HumanCaller } from './use-cases.ts';
import { found, statementView } from './views.ts';

/** @throws CountersignError of the input codes; nothing is stored when it does */
export async function propose(
  deps: Deps,
  caller: HumanCaller | null,
  request: ProposeRequest,
): Promise<StatementAnswer> {
  const envelope = parseEnvelope(request.envelope);
  const decoded = decodeStatement(envelope.payload);
  const { statement } = decoded;
  const change: Change = {
    type: 'statement.proposed',
    body: { envelope },
    decoded,
    more: statement.kind === 'genesis' ? catalogEntries(deps) : [],
  };
  // Judged before anything is asked of a provider, and again when it is committed.
  await requireAdmissible(deps, change);
  const effects = await effectsOf(deps, caller, request, decoded);
  return await answer(deps, statement.id, await append(deps, change, effects));
}

export async function sign(
  deps: Deps,
  id: string,
  signature: StatementSignature,
): Promise<StatementAnswer> {
  const record = found(deps.authority.state.statements.get(id), 'statement');
  const change: Change = {
    type: 'statement.signed',
    body: { statement: id, signatures: [signature], assertions: [] },
    decoded: record.decoded,
    more: [],
  };
  return await answer(deps, id, await append(deps, change, []));
}

export async function reject(
  deps: Deps,
  caller: HumanCaller,
  id: string,
  envelope: Envelope,
): Promise<StatementAnswer> {
  const { statement } = decodeStatement(parseEnvelope(envelope).payload);
  if (statement.kind !== 'statement.reject' || statement.body.statement !== id) {
    throw inputError(
      'invalid_request',
      'The envelope must hold a statement.reject of this very statement.',
    );
  }
  await propose(deps, caller, { envelope });
  return await answer(deps, id, null);
}

interface Change {
  readonly type: AuthorityEntryType;
  readonly body: Readonly<Record<string, unknown>>;
  readonly decoded: DecodedStatement;
  /** Entries that go with it in one commit. */
  readonly more: readonly EntryDraft[];
}

/** What an appended change was, and which leases were live when it was judged. */
interface Appended {
  readonly accepted: Accepted;
  readonly before: readonly Lease[];
}

/** Judge, commit, fold; again when another replica was faster. */
async function append(
  deps: Deps,
  change: Change,
  effects: readonly RowEffect[],
): Promise<Appended> {
  return await decideAndCommit(deps, async ({ now }) => {
    const judgement = await judgeNow(deps, change, now);
    if (!judgement.ok) return { refuse: () => refuseAfterLookingAgain(deps, judgement.refusal) };
    const before = judgement.status === 'complete' ? await deps.leases.live(null) : [];
    const entry = { id: uuidv7(deps.clock, deps.random), type: change.type, body: change.body };
    return {
      intent: {
        ...intentOf([entry, ...change.more], { changesAuthority: true }),
        notAfter: fromInstant(change.decoded.statement.sign_by),
        effects,
      },
      async settle(outcome) {
        if (outcome.outcome === 'conflict') throw conflict(outcome.what);
        if (outcome.outcome !== 'committed') throw UNAVAILABLE();
        await deps.authority.refresh();
        deps.changes.notify();
        return { accepted: judgement, before };
      },
    };
  });
}

async function judgeNow(deps: Deps, { type, body }: Change, now: number): Promise<Judgement> {
  const { state } = deps.authority;
  return await judge(state, { index: state.size, time: toInstant(now), type, body });
}

/** Refused on what may be an old view: look once more before saying no. */
async function refuseAfterLookingAgain(deps: Deps, refusal: CountersignError): Promise<never> {
  const { version } = deps.authority;
  await deps.authority.refresh();
  if (deps.authority.version === version) throw refusal;
  throw inputError('conflict', 'Authority changed meanwhile on another server. Try again.');
}

async function requireAdmissible(deps: Deps, change: Change): Promise<void> {
  const now = Math.max(deps.clock.now(), fromInstant(deps.authority.state.time));
  const judgement = await judgeNow(deps, change, now);
  if (!judgement.ok) await refuseAfterLookingAgain(deps, judgement.refusal);
}

function conflict(what: RowEffect['kind']): CountersignError {
  switch (what) {
    case 'spend-genesis-code':
      return inputError(
        'forbidden',
        'The genesis code is wrong or void. The server prints a new one at each start.',
      );
    case 'spend-invitation':
      return inputError('forbidden', 'The invitation is unknown, spent or older than 24 hours.');
    case 'settle-access-request':
      return inputError('conflict', 'This access request was answered already.');
    default:
      return inputError('conflict', 'Something it depends on changed meanwhile. Try again.');
  }
}

/** Rows that live and die with the proposal: codes spent, a credential sealed, a request answered. */
async function effectsOf(
  deps: Deps,
  caller: HumanCaller | null,
  request: ProposeRequest,
  { statement }: DecodedStatement,
): Promise<RowEffect[]> {
  if (request.credential !== undefined && statement.kind !== 'connection.set') {
    throw inputError('invalid_request', 'Only connection.set has a credential beside it.');
  }
  if (statement.kind === 'genesis') {
    if (request.code === undefined) {
      throw inputError('forbidden', 'Genesis needs its one-time code.');
    }
    if (statement.body.ledger_key.x !== deps.ledgerKey.x) {
      throw inputError('invalid_request', "The ledger key is not this broker's.");
    }
    return [{ kind: 'spend-genesis-code', codeHash: codeHash(request.code) }];
  }
  if (statement.kind === 'human.enroll' && statement.body.human === null) {
    return [await invitationEffect(deps, request.code, statement)];
  }
  if (caller === null) {
    throw inputError('forbidden', 'Sign in first; a code proposes only an enrolment.');
  }
  switch (statement.kind) {
    case 'connection.set':
      return [await sealedEffect(deps, statement, request.credential)];
    case 'grant.create':
      requireExchangeable(deps, statement);
      return await requestEffect(deps, statement);
    case 'statement.reject': {
      // A rejected connection loses its secret.
      const target = deps.authority.state.statements.get(statement.body.statement);
      return target?.decoded.statement.kind === 'connection.set'
        ? [{ kind: 'discard-credential', statement: statement.body.statement }]
        : [];
    }
    default:
      return [];
  }
}

/** What humans sign can be used as it stands: canonical resources, operations that are minted. */
function requireExchangeable(deps: Deps, { body }: StatementOf<'grant.create'>): void {
  const connection = deps.authority.state.connections.get(body.connection);
  const rules = deps.rules.get(connection?.body.provider ?? '');
  for (const { operations, resources } of body.permissions) {
    for (const { name } of operations) {
      if (rules?.exchangeable(name) !== true) {
        throw inputError('invalid_request', `No credential is ever minted for ${name}.`);
      }
      const odd = resources.find((resource) => rules.canonical(name, resource) !== resource);
      if (odd !== undefined) {
        throw inputError(
          'invalid_request',
          `${odd} is not how a resource of ${name} is written; let the server draft it.`,
        );
      }
    }
  }
}

/** Law 1: a grant answers its own agent's request, and its sender is a key that agent named. */
async function requestEffect(
  deps: Deps,
  statement: StatementOf<'grant.create'>,
): Promise<RowEffect[]> {
  const { agent, connection, environment, request, sender } = statement.body;
  if (request === null) return [];
  const { state } = deps.authority;
  const asked = await deps.accessRequests.find(request);
  const known = state.agents.get(agent)?.credentials ?? [];
  if (asked === null || asked.agent !== agent) {
    throw inputError('invalid_request', 'The access request is not one of this agent.');
  }
  const here = asked.details.some(
    (detail) =>
      detail.connection === state.connections.get(connection)?.name &&
      detail.environment === state.environments.get(environment)?.name,
  );
  if (!here) {
    throw inputError('invalid_request', 'The access request asks for another environment.');
  }
  if (sender !== null && sender !== asked.sender && !known.includes(sender)) {
    throw inputError(
      'invalid_request',
      "The sender is neither the agent's registered key nor the one its request names.",
    );
  }
  return [{ kind: 'settle-access-request', id: request, rejection: null, statement: statement.id }];
}

/** An invitation is not authority, but a joiner without one does not get to knock. */
async function invitationEffect(
  deps: Deps,
  code: string | undefined,
  statement: StatementOf<'human.enroll'>,
): Promise<RowEffect> {
  const now = deps.clock.now();
  const hash = codeHash(code ?? '');
  const invitation = await deps.codes.findInvitation(hash, now);
  if (invitation === null) {
    throw inputError('forbidden', 'The invitation is unknown, spent or older than 24 hours.');
  }
  const { body } = statement;
  const asInvited =
    body.name === invitation.name &&
    body.sponsor === invitation.sponsor &&
    [...body.roles].sort().join() === [...invitation.roles].sort().join() &&
    [...body.groups].sort().join() === [...invitation.groups].sort().join();
  if (!asInvited) throw inputError('forbidden', 'The enrolment is not what the invitation says.');
  return { kind: 'spend-invitation', codeHash: hash, now };
}

/** The credential is checked against what is signed, and sealed to it, before anything is stored. */
async function sealedEffect(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  beside: CredentialBeside | undefined,
): Promise<RowEffect> {
  const { body } = statement;
  const { broker } = deps.authority.state;
  if (beside === undefined || broker === null) {
    throw inputError('invalid_request', 'The root credential goes beside the statement.');
  }
  const credential = new Secret('root credential', beside.value);
  if (commitmentTo(beside.salt, credential) !== body.credential) {
    throw inputError('invalid_request', 'The credential is not the one the statement commits to.');
  }
  const provider = deps.providers.get(body.provider);
  const described = provider === undefined ? null : describeConfig(provider, body.config);
  if (described?.endpoint !== body.endpoint || described.account !== body.account) {
    throw inputError('invalid_request', 'Endpoint or account are not what the configuration says.');
  }
  const mapped = Object.values(body.mapping).flat();
  if (mapped.some((id) => !described.ids.includes(id))) {
    throw inputError('invalid_request', 'The mapping names an id this connection does not reach.');
  }
  await requireNoAlias(deps, statement, credential);
  const sealed = await deps.sealed.seal(
    {
      broker,
      connection: body.connection ?? statement.id,
      endpoint: body.endpoint,
      account: body.account,
    },
    beside.salt,
    credential,
  );
  return { kind: 'seal-credential', statement: statement.id, sealed };
}

/**
 * Ids are disjoint across all connections, and an alias is the same id: what another connection reaches
 * already is not mapped a second time, into an environment with another rule.
 */
async function requireNoAlias(
  deps: Deps,
  statement: StatementOf<'connection.set'>,
  credential: Secret,
): Promise<void> {
  const { body } = statement;
  for (const other of deps.authority.state.connections.values()) {
    if (other.body.provider !== body.provider) continue;
    const { provider, opened } = await openConnection(deps, other);
    const proposed = { ...opened, id: statement.id, config: body.config, credential };
    const same = await provider.sameTarget(opened, proposed).catch((error: unknown) => {
      if (!(error instanceof ProviderError)) throw error;
      throw inputError(
        'invalid_request',
        `It could not be told whether this is what ${other.name} reaches already: ${error.message}`,
      );
    });
    if (same) {
      throw inputError(
        'conflict',
        `This is what connection ${other.name} reaches, by another name.`,
      );
    }
  }
}

function describeConfig(
  provider: {
    describeConfig(config: Record<string, unknown>): {
      endpoint: string;
      account: string;
      ids: readonly string[];
    };
  },
  config: Record<string, unknown>,
) {
  try {
    return provider.describeConfig(config);
  } catch {
    throw inputError('invalid_request', 'The configuration is not one its provider understands.');
  }
}

/** What became of it; leases that lost their authority are cut before the human is told. */
async function answer(deps: Deps, id: string, appended: Appended | null): Promise<StatementAnswer> {
  const swept =
    appended?.accepted.status === 'complete'
      ? await cutWithoutAuthority(deps, appended.before)
      : { revoked: 0, pending: 0 };
  const record = found(deps.authority.state.statements.get(id), 'statement');
  return {
    ...statementView(deps.authority.state, record, deps.clock.now()),
    leases_revoked: swept.revoked,
    leases_pending: swept.pending,
  };
}
