/**
 * How authority changes: a proposal, a signature or a rejection is judged against the fold, appended
 * fenced on the version it was judged on, folded in, and only then acted upon (leases cut).
 */
import {
  type Accepted,
  type DecodedStatement,
  decodeStatement,
  delayed,
  type Judgement,
  judge,
  parseEnvelope,
} from '@countersign/authority';
import type {
  AuthorityEntryType,
  Envelope,
  ProposeRequest,
  StatementAnswer,
  StatementSignature,
} from '@countersign/contract';
import {
  CountersignError,
  fromInstant,
  inputError,
  Secret,
  toInstant,
  uuidv7,
} from '@countersign/core';
import { catalogEntries } from './catalogs.ts';
import { recheckConnection } from './connection-proposal.ts';
import { decideAndCommit } from './decide-and-commit.ts';
import { UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { intentOf } from './intents.ts';
import type { EntryDraft, Lease, RowEffect } from './ports.ts';
import { effectsOf } from './proposal-effects.ts';
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
    notAfter: fromInstant(statement.sign_by),
    more: statement.kind === 'genesis' ? catalogEntries(deps) : [],
    recheck: async () => {
      if (statement.kind !== 'connection.set') return;
      const { credential } = request;
      await recheckConnection(
        deps,
        statement,
        credential === undefined ? null : new Secret('root credential', credential.value),
      );
    },
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
    notAfter: fromInstant(record.decoded.statement.sign_by),
    more: [],
    recheck: async () => {
      const { statement } = record.decoded;
      if (statement.kind !== 'connection.set') return;
      await recheckConnection(deps, statement, null);
    },
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
  const { mirrored } = await propose(deps, caller, { envelope });
  return { ...(await answer(deps, id, null)), mirrored };
}

/**
 * Milliseconds that whoever signed waits for the mirror. A revocation that a restored backup could undo is said to
 * be one; but it holds from its commit on, whatever became of the mirror.
 */
const MIRRORED_WITHIN = 3_000;

/** Statements whose delay is over, each taking effect with an entry of its own. */
export interface Delays {
  /** Tries whatever is due. What cannot take effect now is tried again each time, and said once. */
  complete(): Promise<void>;
}

export function createDelays(deps: Deps): Delays {
  const said = new Set<string>();
  return {
    async complete() {
      for (const { statement, from } of delayed(deps.authority.state)) {
        if (fromInstant(from) > deps.clock.now()) return;
        const record = found(deps.authority.state.statements.get(statement), 'statement');
        const change: Change = {
          type: 'statement.effective',
          body: { statement },
          decoded: record.decoded,
          notAfter: null,
          more: [],
          recheck: async () => undefined,
        };
        try {
          await answer(deps, statement, await append(deps, change, []), 0);
        } catch (error) {
          if (!(error instanceof CountersignError)) throw error;
          if (said.has(statement)) continue;
          said.add(statement);
          const reason = error.message;
          deps.log.warn({ statement, reason }, 'a delayed statement takes no effect yet');
        }
      }
    },
  };
}

interface Change {
  readonly type: AuthorityEntryType;
  readonly body: Readonly<Record<string, unknown>>;
  readonly decoded: DecodedStatement;
  /** Milliseconds until which it may be written; null: no matter when. */
  readonly notAfter: number | null;
  /** Entries that go with it in one commit. */
  readonly more: readonly EntryDraft[];
  /** Asked of the outside at each attempt, on the authority of that attempt. */
  readonly recheck: () => Promise<void>;
}

/** What an appended change was, and which leases were live when it was judged. */
interface Appended {
  readonly accepted: Accepted;
  readonly before: readonly Lease[];
  /** Entries in the ledger with it. */
  readonly size: number;
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
    await change.recheck();
    const before = judgement.status === 'complete' ? await deps.leases.live(null) : [];
    const entry = { id: uuidv7(deps.clock, deps.random), type: change.type, body: change.body };
    return {
      intent: {
        ...intentOf([entry, ...change.more], { changesAuthority: true }),
        notAfter: change.notAfter,
        effects,
      },
      async settle(outcome) {
        if (outcome.outcome === 'conflict') throw conflict(outcome.what);
        if (outcome.outcome !== 'committed') throw UNAVAILABLE();
        void deps.mirroring?.ship(true);
        await deps.authority.refresh();
        deps.changes.notify();
        // Two humans may have ended what this server halts over.
        await deps.mirroring?.look();
        const size = outcome.index + 1 + change.more.length;
        return { accepted: judgement, before, size };
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

/** What became of it; leases that lost their authority are cut before the human is told. */
async function answer(
  deps: Deps,
  id: string,
  appended: Appended | null,
  patience: number = MIRRORED_WITHIN,
): Promise<StatementAnswer> {
  const swept =
    appended?.accepted.status === 'complete'
      ? await cutWithoutAuthority(deps, appended.before)
      : { revoked: 0, pending: 0 };
  const record = found(deps.authority.state.statements.get(id), 'statement');
  return {
    ...statementView(deps.authority.state, record, deps.clock.now()),
    leases_revoked: swept.revoked,
    leases_pending: swept.pending,
    mirrored: await isMirrored(deps, appended, patience),
  };
}

async function isMirrored(
  { mirroring }: Deps,
  appended: Appended | null,
  patience: number,
): Promise<boolean | null> {
  if (mirroring === null || appended === null) return null;
  return mirroring.halt === null && (await mirroring.covers(appended.size, patience));
}
