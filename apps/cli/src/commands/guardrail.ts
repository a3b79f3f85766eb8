/** Never-allow rules above every grant: tried on what was decided before anyone signs them. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { duration, presentGuardrail } from '@countersign/authority';
import type { Client } from '@countersign/client';
import { type GuardrailTestView, Name } from '@countersign/contract';
import type { Context } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { EXIT } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { idNamed, ownAuthority } from '../own-authority.ts';
import { everyPage } from '../pages.ts';
import { type Act, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { clean, minuteOf, WIDTH, wrap } from '../text.ts';

const LONGEST = 16_384;
const USUAL_PERIOD = '7d';
/** Decisions listed on a terminal; with --json as many as an answer holds. */
const LISTED = 20;
const LARGEST_PAGE = 500;

export function addGuardrail(program: Registrar): void {
  const guardrail = noun(program, 'guardrail', 'Never-allow rules above every grant (Cedar).');
  verb(
    guardrail,
    {
      usage: 'add <file>',
      summary: 'Add one, or change the one of that name; tried on the last 7 days first.',
      example: 'countersign guardrail add no-backups.cedar --reason "after the April incident"',
    },
    add,
  )
    .option('--name <name>', 'what it is called; left out: as the file')
    .requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    guardrail,
    { usage: 'list', summary: 'Guardrails that stand.', example: 'countersign guardrail list' },
    list,
  ).option('--all', 'also those that were removed');
  verb(
    guardrail,
    {
      usage: 'show <name>',
      summary: 'The text of one, as it was signed.',
      example: 'countersign guardrail show no-backups',
    },
    show,
  );
  verb(
    guardrail,
    {
      usage: 'remove <name>',
      summary: 'Remove one: two humans, or its author alone within 15 minutes.',
      example: 'countersign guardrail remove no-backups --reason "the tables are gone"',
    },
    remove,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    guardrail,
    {
      usage: 'test <file>',
      summary: 'What it would have denied of what was allowed. Changes nothing.',
      example: 'countersign guardrail test no-backups.cedar --since 30d',
    },
    test,
  ).option('--since <duration>', 'how far back', USUAL_PERIOD);
}

const add: Act = async (context, given) => {
  const file = given.arg(0);
  const [name, policy] = [nameOf(file, given), await readPolicy(file)];
  const seat = await takeSeat(context);
  const within = parseDuration(USUAL_PERIOD, '--since');
  const tested = await testOn(context, seat.client, { policy, within, limit: 1 });
  context.out.show(verdictLines(tested, within));
  const answer = await proposeSigned(context, seat, {
    kind: 'guardrail.add',
    id: newStatementId(),
    body: { name, policy, reason: given.need('reason') },
  });
  return settle(context, answer);
};

const remove: Act = async (context, given) => {
  const answer = await proposeSigned(context, await takeSeat(context), {
    kind: 'guardrail.remove',
    id: newStatementId(),
    body: { guardrail: given.arg(0), reason: given.need('reason') },
  });
  return settle(context, answer);
};

const list: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const all = given.flag('all');
  const standing = all ? {} : { standing: 'true' as const };
  const guardrails = await everyPage((query) =>
    client.call('guardrails', { query: { ...query, ...standing } }),
  );
  context.out.result(
    { guardrails },
    guardrails.length === 0
      ? ['No guardrail stands.']
      : table(
          ['NAME', 'SINCE', 'BY', ...(all ? ['STATE'] : []), 'REASON'],
          guardrails.map((each) => [
            each.name,
            minuteOf(each.at),
            each.author,
            ...(all ? [each.removed_at === null ? 'stands' : 'removed'] : []),
            each.reason,
          ]),
        ),
  );
  return EXIT.done;
};

const show: Act = async (context, given) => {
  const state = await ownAuthority(context, await takeSeat(context));
  const guardrail = presentGuardrail(state, idNamed(state, 'guardrail', given.arg(0)));
  if (guardrail === undefined) {
    throw failed('not_found', 'That guardrail was removed.', 'countersign guardrail list --all');
  }
  const { id, name, policy, reason } = guardrail;
  context.out.result({ id, name, policy, reason }, policy.trimEnd().split('\n').map(clean));
  return EXIT.done;
};

const test: Act = async (context, given) => {
  const policy = await readPolicy(given.arg(0));
  const within = parseDuration(given.need('since'), '--since');
  const { client } = await takeSeat(context);
  const limit = context.out.json ? LARGEST_PAGE : LISTED;
  const tested = await testOn(context, client, { policy, within, limit });
  const { items, denied } = tested;
  context.out.result(tested, [
    ...verdictLines(tested, within),
    ...(items.length === 0
      ? []
      : [
          '',
          ...table(
            ['TIME', 'AGENT', 'STAGE', 'OPERATION', 'RESOURCE', 'POLICY'],
            items.map((each) => [
              minuteOf(each.time),
              each.agent,
              each.stage,
              each.operation,
              each.resource,
              each.policy ?? '',
            ]),
            { fixed: [0] },
          ),
        ]),
    ...(denied > items.length ? [`and ${denied - items.length} more: --json`] : []),
  ]);
  return EXIT.done;
};

async function testOn(
  context: Context,
  client: Client,
  body: { readonly policy: string; readonly within: number; readonly limit: number },
): Promise<GuardrailTestView> {
  return await context.out.progress(
    'trying it on what was decided',
    client.call('testGuardrail', { body }),
  );
}

function verdictLines(tested: GuardrailTestView, within: number): string[] {
  const { decisions, denied, unjudged, policies, items, complete, from } = tested;
  const some = denied === 0 ? 'None' : `${denied}`;
  const period = complete ? `of the last ${duration(within)}` : `since ${minuteOf(from)}`;
  const errors = items.find(({ error }) => error !== null)?.error ?? null;
  return [
    `${some} of ${decisions} decisions ${period} would have been denied.`,
    ...(policies.length < 2
      ? []
      : policies.map(({ policy, denied: by }) => `  ${clean(policy)}: ${by}`)),
    ...(errors === null ? [] : [`! It cannot be evaluated there, which denies: ${clean(errors)}`]),
    ...(unjudged === 0 ? [] : [`${unjudged} are about something that is gone.`]),
    ...(complete ? [] : ['! There were more than could be looked at; what is older was not.']),
  ].flatMap((line) => wrap(line, WIDTH, '  '));
}

function nameOf(file: string, given: Given): string {
  const name = Name.safeParse(given.text('name') ?? basename(file, '.cedar'));
  if (name.success) return name.data;
  throw usageFailure(
    given.text('name') === undefined
      ? 'The file’s name is no name for a guardrail (a-z 0-9 . _ -).'
      : 'A name is 1 to 63 of a-z 0-9 . _ - and begins and ends with a letter or digit.',
    '--name no-backups',
  );
}

async function readPolicy(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw usageFailure(
      `${file} cannot be read.`,
      'a file with Cedar policies: forbid (…) when {…};',
    );
  }
  if (text.length > LONGEST || text.trim() === '') {
    throw usageFailure(
      `A guardrail has 1 to ${LONGEST} characters.`,
      'split it into several guardrails',
    );
  }
  return text;
}
