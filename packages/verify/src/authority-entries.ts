/**
 * Entries that change authority: folded, and held against what the fold leaves to the server because it lies
 * in other entries: a grant answers its own agent's request, and its SQL was tried.
 */
import { digestOfDocument, judge } from '@countersign/authority';
import type { AuthorityEntryType, StatementOf } from '@countersign/contract';
import type { Entry, LedgerSoFar } from './ledger-so-far.ts';
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
  return type === 'statement.proposed' && statement?.kind === 'grant.create'
    ? (requestProblem(ledger, statement) ?? dryRunProblem(ledger, statement))
    : null;
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
