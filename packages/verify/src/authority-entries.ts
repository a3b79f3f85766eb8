/**
 * Entries that change authority: folded, and held against what the fold leaves to the server because it lies
 * in other entries: a grant answers its own agent's request, and its SQL was tried.
 */
import { digestOfDocument, judge, latestRestoration } from '@countersign/authority';
import type { AuthorityEntryType, StatementOf } from '@countersign/contract';
import { deletionProblem } from './deletions.ts';
import { ExportFault, entryFault, type Finding } from './finding.ts';
import type { Entry, LedgerSoFar, Unanswered } from './ledger-so-far.ts';
import { digestOfScript, subjectOf } from './runs.ts';

/** Law 1: an authority entry that the fold refuses has no place in a ledger. */
export async function judgeAuthority(
  ledger: LedgerSoFar,
  entry: Entry,
  type: AuthorityEntryType,
): Promise<string | null> {
  const { index, time, body } = entry;
  const judged = await judge(ledger.state, { index, time, type, body });
  if (!judged.ok) return `it carries no authority; ${judged.refusal.message.replace(/\.$/, '')}`;
  judged.apply();
  ledger.grants.forget();
  const record = ledger.state.statements.get(judged.statement ?? '');
  const statement = record?.decoded.statement;
  if (type === 'restored') takeRestored(ledger, entry);
  return type === 'statement.proposed' && statement?.kind === 'grant.create'
    ? grantProblem(ledger, entry, statement)
    : null;
}

/** Law 1: what was replayed may answer what is lost; nothing else may. And no token of the lost time counts. */
function takeRestored(ledger: LedgerSoFar, { index, id }: Entry): void {
  const restored = latestRestoration(ledger.state);
  ledger.endTokens();
  const isInItsPlace =
    restored === null ||
    restored.accepted !== null ||
    restored.database.size + restored.replayed === index;
  // What this one does not speak of, the next may: it was replayed itself then.
  const replayedFrom =
    restored?.accepted === null ? restored.database.size : Number.POSITIVE_INFINITY;
  const left = ledger.unanswered.filter((one) => one.index < replayedFrom);
  const why = 'it is not right behind what it says was replayed';
  ledger.unanswered = isInItsPlace ? left : [...left, { index, id, why }];
}

/**
 * Before each entry that cannot have been replayed, and at the end: what is unanswered by then is a fault.
 * @throws ExportFault
 */
export function requireAnswered({ unanswered: [first] }: LedgerSoFar): void {
  if (first !== undefined) throw new ExportFault(unansweredFault(first));
}

function unansweredFault({ index, id, why }: Unanswered): Finding {
  return { ...entryFault(index, why), id };
}

function grantProblem(
  ledger: LedgerSoFar,
  { index, id }: Entry,
  statement: StatementOf<'grant.create'>,
): string | null {
  const why =
    requestProblem(ledger, statement) ??
    dryRunProblem(ledger, statement) ??
    deletionProblem(ledger, statement);
  if (why === null || !isMissing(ledger, statement)) return why;
  ledger.unanswered = [...ledger.unanswered, { index, id, why }];
  return null;
}

/** Whether what it answers is not there at all, rather than another's. */
function isMissing(
  { requests, assessments }: LedgerSoFar,
  { body }: StatementOf<'grant.create'>,
): boolean {
  const entry = body.assessment?.body[body.sql === null ? 'assessed' : 'dry_run'];
  return (
    (body.request !== null && !requests.has(body.request)) ||
    (typeof entry === 'string' && !assessments.has(entry))
  );
}

/** Law 1: a grant answers its own agent's request, with a key that agent has, had or asked with. */
function requestProblem(
  { state, requests }: LedgerSoFar,
  { body }: StatementOf<'grant.create'>,
): string | null {
  if (body.request === null) return null;
  const asked = requests.get(body.request);
  if (asked?.agent !== body.agent) return 'it answers no access request of its agent';
  const { sender } = body;
  const isTheirs =
    sender === null ||
    sender === asked.sender ||
    state.names.get(`agent-key/${sender}`) === body.agent;
  return isTheirs ? null : 'it names a key that its agent neither has nor asked with';
}

/** Law 1: what signers read of a dry run is what the broker found, by an entry of its own. */
function dryRunProblem(
  { assessments }: LedgerSoFar,
  { body }: StatementOf<'grant.create'>,
): string | null {
  if (body.sql === null) return null;
  const entry = body.assessment?.body['dry_run'];
  const tried = assessments.get(typeof entry === 'string' ? entry : '');
  const sql = digestOfScript(body.sql);
  const isOwn =
    tried?.found === digestOfDocument(body.assessment) &&
    body.permissions.every(({ resources }) =>
      resources.every((resource) => tried.of === subjectOf({ ...body, resource, sql })),
    );
  return isOwn ? null : 'its assessment is not what a dry run of this SQL found';
}
