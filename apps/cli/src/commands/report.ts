/** `audit report`: who can delete production, and what each identity holds, did and was refused. */
import {
  csvRecord,
  IDENTITY_COLUMNS,
  type IdentitiesView,
  identityCells,
} from '@countersign/contract';
import { toInstant } from '@countersign/core';
import { parseDuration } from '../duration.ts';
import { EXIT } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { everyPage } from '../pages.ts';
import { type Act, type Given, type Registrar, verb } from '../registrar.ts';
import { identityLines, reportLines } from '../report-lines.ts';
import { takeSeat } from '../session.ts';

export function addReport(audit: Registrar): void {
  verb(
    audit,
    {
      usage: 'report',
      summary: 'Who can delete production, and what each identity holds, did and was refused.',
      example: 'countersign audit report --since 7d --csv > identities.csv',
    },
    report,
  )
    .option('--since <when>', 'counts from then on, e.g. 7d or 2026-11-01 (left out: 30d)')
    .option('--agent <name>', 'this agent alone, in full')
    .option('--human <name>', 'this human alone, in full')
    .option('--csv', 'one row an identity, for a spreadsheet');
}

const report: Act = async (context, given) => {
  const [agent, human] = [given.text('agent'), given.text('human')];
  if (agent !== undefined && human !== undefined) {
    throw usageFailure('Of an agent or of a human, not of both.', '--agent NAME');
  }
  if (given.flag('csv') && context.out.json) {
    throw usageFailure('A report is a table, JSON or CSV.', 'countersign audit report --csv');
  }
  const since = sinceGiven(given);
  const { client } = await takeSeat(context);
  let first: IdentitiesView | null = null;
  const items = await context.out.progress(
    'counting',
    everyPage(async (page) => {
      const view = await client.call('identities', {
        query: {
          ...page,
          ...(since === null ? {} : { since }),
          ...(agent === undefined ? {} : { agent }),
          ...(human === undefined ? {} : { human }),
        },
      });
      first ??= view;
      return view;
    }),
  );
  if (given.flag('csv')) {
    context.out.raw(csvRecord(IDENTITY_COLUMNS));
    for (const item of items) context.out.raw(csvRecord(identityCells(item)));
    return EXIT.done;
  }
  const { from, until, counted, production } = headOf(first);
  const head = { from, until, counted, production };
  const [only] = items;
  context.out.result(
    { ...head, identities: items },
    only !== undefined && (agent !== undefined || human !== undefined)
      ? identityLines(context.out, head, only)
      : reportLines(context.out, head, items),
  );
  return EXIT.done;
};

/** There is a first page whenever there was an answer. */
function headOf(first: IdentitiesView | null): IdentitiesView {
  if (first === null) throw new Error('a list without a first page');
  return first;
}

/** A duration back from now, or a day; null: whatever the broker takes. @throws Failure usage */
function sinceGiven(given: Given): string | null {
  const text = given.text('since');
  if (text === undefined) return null;
  if (!/^\d{4}-/.test(text)) return toInstant(Date.now() - parseDuration(text, '--since') * 1000);
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00.000Z`) : Number.NaN;
  if (Number.isNaN(at)) throw usageFailure('--since takes 7d, or a day.', '--since 2026-11-01');
  return toInstant(at);
}
