/**
 * What each type of entry must be at its place in the ledger. The list is closed: a type that is not here
 * is a finding, since what nobody can read nobody has verified.
 */
import { shapeProblem } from '@countersign/authority';
import {
  AccessRequestFiledBody,
  AccessRequestRejectedBody,
  type AuthorityEntryType,
  ConnectionRemovedBody,
  CredentialDestroyedBody,
  DeletionAssessedBody,
  DenialsSummedBody,
  DeniedBody,
  DryRunAllowedBody,
  DryRunFinishedBody,
  ExchangeAllowedBody,
  ForwardAllowedBody,
  ForwardRefusedBody,
  HumanInvitedBody,
  IssueAllowedBody,
  isAuthorityEntryType,
  KeysRotatedBody,
  LeaseFailedBody,
  LeaseRevokedBody,
  RunAllowedBody,
  RunCommittingBody,
  RunFinishedBody,
  SessionOpenedBody,
  UnauthenticatedSummedBody,
} from '@countersign/contract';
import { judgeAuthority, requireAnswered } from './authority-entries.ts';
import { humanProblem } from './callers.ts';
import { judgeDeletionAssessed } from './deletions.ts';
import { judgeForward, judgeForwardRefused } from './forwards.ts';
import { judgeExchange, judgeFailed, judgeRevoked } from './leases.ts';
import type { Entry, LedgerSoFar } from './ledger-so-far.ts';
import { judgeFiled, judgeRequestRejected, judgeSession } from './people.ts';
import {
  judgeCommitting,
  judgeDryRun,
  judgeDryRunFinished,
  judgeFinished,
  judgeRun,
} from './runs.ts';
import { judgeIssue } from './tokens.ts';

/** A sentence without its end, about the entry; null where it is as it must be. Takes it into account. */
type Judge = (ledger: LedgerSoFar, entry: Entry) => string | null | Promise<string | null>;

/** @returns what is wrong with the entry; null: nothing, and the ledger now counts it */
export async function judgeEntry(ledger: LedgerSoFar, entry: Entry): Promise<string | null> {
  if (!isAuthorityEntryType(entry.type)) requireAnswered(ledger);
  const judge = TYPES.get(entry.type);
  return judge === undefined
    ? `its type ${entry.type} is none that this version knows`
    : await judge(ledger, entry);
}

const DECISIONS: ReadonlyMap<string, Judge> = new Map([
  ['issue', allowed(shaped(IssueAllowedBody, judgeIssue))],
  ['exchange', allowed(shaped(ExchangeAllowedBody, judgeExchange))],
  ['run', allowed(shaped(RunAllowedBody, judgeRun))],
  ['forward', allowed(shaped(ForwardAllowedBody, judgeForward))],
  ['dry-run', allowed(shaped(DryRunAllowedBody, judgeDryRun))],
]);

const TYPES: ReadonlyMap<string, Judge> = new Map([
  ['statement.proposed', authority('statement.proposed')],
  ['statement.signed', authority('statement.signed')],
  ['statement.effective', authority('statement.effective')],
  ['catalog.recorded', authority('catalog.recorded')],
  ['catalog.part', authority('catalog.part')],
  ['restored', authority('restored')],
  ['decision', judgeDecision],
  ['denials.summed', shaped(DenialsSummedBody, () => null)],
  ['unauthenticated.summed', shaped(UnauthenticatedSummedBody, () => null)],
  ['session.opened', shaped(SessionOpenedBody, judgeSession)],
  [
    'human.invited',
    shaped(HumanInvitedBody, (ledger, { human }) =>
      humanProblem(ledger, human, ['admin', 'approver']),
    ),
  ],
  ['access_request.filed', shaped(AccessRequestFiledBody, judgeFiled)],
  ['access_request.rejected', shaped(AccessRequestRejectedBody, judgeRequestRejected)],
  ['lease.revoked', shaped(LeaseRevokedBody, judgeRevoked)],
  ['lease.failed', shaped(LeaseFailedBody, judgeFailed)],
  ['forward.refused', shaped(ForwardRefusedBody, judgeForwardRefused)],
  ['deletion.assessed', shaped(DeletionAssessedBody, judgeDeletionAssessed)],
  ['dry_run.finished', shaped(DryRunFinishedBody, judgeDryRunFinished)],
  ['run.committing', shaped(RunCommittingBody, judgeCommitting)],
  ['run.finished', shaped(RunFinishedBody, judgeFinished)],
  ['credential.destroyed', shaped(CredentialDestroyedBody, () => null)],
  [
    'connection.removed',
    shaped(ConnectionRemovedBody, ({ state }, { connection }) =>
      typeof state.connections.get(connection)?.removedAt === 'string'
        ? null
        : 'nobody had removed that connection',
    ),
  ],
  [
    'keys.rotated',
    shaped(KeysRotatedBody, (ledger, { key, at_once }) => {
      if (key === 'token' && at_once === true) ledger.endTokens();
      return null;
    }),
  ],
]);

function authority(type: AuthorityEntryType): Judge {
  return async (ledger, entry) => await judgeAuthority(ledger, entry, type);
}

/** What zod offers, as far as it is used here. */
interface Shape<T> {
  safeParse(
    body: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: Parameters<typeof shapeProblem>[0] };
}

function shaped<T>(
  shape: Shape<T>,
  judge: (ledger: LedgerSoFar, body: T, entry: Entry) => string | null,
): Judge {
  return (ledger, entry) => {
    const parsed = shape.safeParse(entry.body);
    return parsed.success
      ? judge(ledger, parsed.data, entry)
      : `its body is none of ${entry.type}; ${shapeProblem(parsed.error)}`;
  };
}

function allowed(judge: Judge): Judge {
  return async (ledger, entry) => {
    const problem = await judge(ledger, entry);
    if (problem === null) ledger.decisions.allowed += 1;
    return problem === null ? null : `it was allowed and could not have been; ${problem}`;
  };
}

const judgeDenied = shaped(DeniedBody, (ledger) => {
  ledger.decisions.denied += 1;
  return null;
});

function judgeDecision(ledger: LedgerSoFar, entry: Entry): ReturnType<Judge> {
  const { verdict, stage } = membersOf(entry.body);
  if (verdict === 'denied') return judgeDenied(ledger, entry);
  const judge = verdict === 'allowed' ? DECISIONS.get(String(stage)) : undefined;
  return judge === undefined
    ? 'its verdict and stage are none that this version knows'
    : judge(ledger, entry);
}

function membersOf(body: unknown): { readonly verdict?: unknown; readonly stage?: unknown } {
  return typeof body === 'object' && body !== null ? body : {};
}
