/**
 * How authority changes: a proposal, a signature or a rejection is judged against the fold, appended
 * fenced on the version it was judged on, folded in, and only then acted upon (leases cut).
 */
import {
  type Accepted,
  type DecodedStatement,
  decodeStatement,
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
import { catalogEntries } from './catalogs.ts';
import { commitmentTo } from './connection-credential.ts';
import { entryIntent } from './denial-log.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { codeHash } from './drafts.ts';
import type { EntryDraft, Lease, RowEffect } from './ports.ts';
import { cutWithoutAuthority } from './revoke.ts';
import type { HumanCaller } from './use-cases.ts';
import { found, statementView } from './views.ts';

const ATTEMPTS = 8;

/** @throws CountersignError of the input codes; nothing is stored when it does */
export async function propose(
  deps: Deps,
  caller: HumanCaller | null,
  request: ProposeRequest,
): Promise<StatementAnswer> {
  const envelope = parseEnvelope(request.envelope);
  const decoded = decodeStatement(envelope.payload);
  const { statement } = decoded;
  if (request.credential !== undefined && statement.kind !== 'connection.set') {
    throw inputError('invalid_request', 'Only connection.set has a credential beside it.');
  }
  const effects = await effectsOf(deps, caller, request, decoded);
  const before = await deps.leases.live(null);
  const accepted = await append(deps, {
    type: 'statement.proposed',
    body: { envelope },
    decoded,
    effects,
    more: statement.kind === 'genesis' ? catalogEntries(deps) : [],
  });
  return await answer(deps, statement.id, accepted, before);
}

export async function sign(
  deps: Deps,
  _caller: HumanCaller,
  id: string,
  signature: StatementSignature,
): Promise<StatementAnswer> {
  const record = found(deps.authority.state.statements.get(id), 'statement');
  const before = await deps.leases.live(null);
  const accepted = await append(deps, {
    type: 'statement.signed',
    body: { statement: id, signatures: [signature], assertions: [] },
    decoded: record.decoded,
    effects: [],
    more: [],
  });
  return await answer(deps, id, accepted, before);
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
  return await answer(deps, id, null, []);
}

interface Change {
  readonly type: AuthorityEntryType;
  readonly body: Readonly<Record<string, unknown>>;
  readonly decoded: DecodedStatement;
  readonly effects: readonly RowEffect[];
  /** Entries that go with it in one commit. */
  readonly more: readonly EntryDraft[];
}

/** Judge, commit, fold; again when another replica was faster. */
async function append(deps: Deps, change: Change): Promise<Accepted> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const { state, version } = deps.authority;
    const judgement = await judge(state, {
      index: state.size,
      time: laterOf(state.time, toInstant(deps.clock.now())),
      type: change.type,
      body: change.body,
    });
    if (!judgement.ok) {
      // Refused on what may be an old view: look once more before saying no.
      await deps.authority.refresh();
      if (deps.authority.version !== version) continue;
      throw judgement.refusal;
    }
    if (deps.authority.version !== version) continue;
    const entry = { id: uuidv7(deps.clock, deps.random), type: change.type, body: change.body };
    const [outcome] = await deps.journal.commit([
      {
        ...entryIntent(entry.id, entry.type, entry.body),
        entries: [entry, ...change.more],
        authorityVersion: version,
        changesAuthority: true,
        notAfter: fromInstant(change.decoded.statement.sign_by),
        effects: change.effects,
      },
    ]);
    if (outcome?.outcome === 'conflict') throw conflict(outcome.what);
    if (outcome?.outcome !== 'committed' && outcome?.outcome !== 'stale') throw UNAVAILABLE();
    await deps.authority.refresh();
    if (outcome.outcome === 'committed') {
      deps.changes.notify();
      return judgement;
    }
  }
  throw UNAVAILABLE();
}

function laterOf(a: string, b: string): string {
  return a > b ? a : b;
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

/** Rows that live and die with the proposal: codes spent, a credential sealed. */
async function effectsOf(
  deps: Deps,
  caller: HumanCaller | null,
  request: ProposeRequest,
  decoded: DecodedStatement,
): Promise<RowEffect[]> {
  const { statement } = decoded;
  if (statement.kind === 'genesis') {
    if (request.code === undefined)
      throw inputError('forbidden', 'Genesis needs its one-time code.');
    if (statement.body.ledger_key.x !== deps.ledgerKey.x) {
      throw inputError('invalid_request', "The ledger key is not this broker's.");
    }
    return [{ kind: 'spend-genesis-code', codeHash: codeHash(request.code) }];
  }
  if (statement.kind === 'human.enroll' && statement.body.human === null) {
    return [await invitationEffect(deps, request.code, statement)];
  }
  if (caller === null)
    throw inputError('forbidden', 'Sign in first; a code proposes only an enrolment.');
  switch (statement.kind) {
    case 'connection.set':
      return [await sealedEffect(deps, statement, request.credential)];
    case 'grant.create':
      // An access request follows the grant that answers it.
      return statement.body.request === null
        ? []
        : [
            {
              kind: 'settle-access-request',
              id: statement.body.request,
              rejection: null,
              statement: statement.id,
            },
          ];
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
async function answer(
  deps: Deps,
  id: string,
  accepted: Accepted | null,
  before: readonly Lease[],
): Promise<StatementAnswer> {
  const swept =
    accepted?.status === 'complete'
      ? await cutWithoutAuthority(deps, before)
      : { revoked: 0, pending: 0 };
  const record = found(deps.authority.state.statements.get(id), 'statement');
  return {
    ...statementView(deps.authority.state, record, deps.clock.now()),
    leases_revoked: swept.revoked,
    leases_pending: swept.pending,
  };
}
