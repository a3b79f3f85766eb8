/** What a verified ledger says, on lines of 80 columns: what could delete, and on whose signatures. */
import { counted } from '@countersign/authority';
import type { DeleteCapable, VerifyReport } from '@countersign/verify';
import { clean, factLines, shortIds, WIDTH, wrap } from './text.ts';

/** Grants that are listed; all of them are in `--json`. */
const MOST_LISTED = 12;

/** Without the first line. */
export function verifiedLines(report: VerifyReport): string[] {
  const { decisions, leases, checkpoint, unjudged, remarks } = report;
  const open = leases.open === 0 ? 'none of them open' : `${leases.open} of them open`;
  const overdue = leases.overdue === 0 ? '' : `, ${leases.overdue} past their end`;
  return [
    ...factLines([
      ['broker', report.broker ?? 'no genesis yet'],
      ['root', checkpoint?.root ?? ''],
      [
        'decisions',
        `${decisions.allowed} allowed, each on authority it had; ${decisions.denied} denied`,
      ],
      ['leases', `${leases.made}, ${open}${overdue}`],
    ]),
    ...deletingLines(report.delete_capable),
    ...(report.vouched_by_one.length === 0
      ? []
      : wrapped(`  vouched for by one person: ${report.vouched_by_one.join(', ')}`)),
    ...unjudged.flatMap(({ what, decisions: count }) =>
      wrapped(`  not judged here: ${what} (${counted(count, 'decision')})`),
    ),
    ...remarks.flatMap(({ index, text }) => wrapped(`  noticed: entry ${index}: ${text}`)),
  ];
}

/** By grant, agent and signers: how many tokens, leases and requests could delete, on whose signatures. */
function deletingLines(decisions: readonly DeleteCapable[]): string[] {
  const tokens = decisions.filter(({ stage }) => stage === 'issue').length;
  const requests = decisions.filter(({ stage }) => stage === 'forward').length;
  const leases = decisions.length - tokens - requests;
  if (decisions.length === 0) return wrapped('  nothing that could delete was allowed');
  const groups = new Map<
    string,
    { said: string; grant: string; leases: number; requests: number }
  >();
  for (const { lease, stage, agent, connection, environment, grants } of decisions) {
    for (const { grant, signed_by } of grants) {
      const names = signed_by.map(({ human, vouched_by_one }) =>
        vouched_by_one ? `${human}*` : human,
      );
      const said = `${agent} in ${environment} on ${connection}, signed by ${names.join(', ')}`;
      const group = groups.get(`${grant} ${said}`) ?? { said, grant, leases: 0, requests: 0 };
      groups.set(`${grant} ${said}`, {
        ...group,
        leases: group.leases + (lease === null ? 0 : 1),
        requests: group.requests + (stage === 'forward' ? 1 : 0),
      });
    }
  }
  const short = shortIds([...groups.values()].map(({ grant }) => grant));
  const listed = [...groups.values()].slice(0, MOST_LISTED);
  const more = groups.size - listed.length;
  const isMarked = decisions.some(({ grants }) =>
    grants.some(({ signed_by }) => signed_by.some(({ vouched_by_one }) => vouched_by_one)),
  );
  return [
    ...wrapped(
      `  ${used(leases, requests)} and ${counted(tokens, 'token')} could delete, each on the signatures of two humans or more:`,
    ),
    ...listed.flatMap((group) => {
      const { said, grant } = group;
      const count = used(group.leases, group.requests);
      return wrapped(`    grant ${short.get(grant) ?? grant}, ${count}: ${said}`, 6);
    }),
    ...(more === 0 ? [] : [`    and ${counted(more, 'more grant')} (--json)`]),
    ...(isMarked ? ['    * vouched for by one person'] : []),
  ];
}

/** Requests are mentioned where there are some. */
function used(leases: number, requests: number): string {
  if (requests === 0) return counted(leases, 'lease');
  return leases === 0
    ? counted(requests, 'request')
    : `${counted(leases, 'lease')}, ${counted(requests, 'request')}`;
}

function wrapped(line: string, indent = 4): string[] {
  return wrap(clean(line), WIDTH, ' '.repeat(indent));
}
