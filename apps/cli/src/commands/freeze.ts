/** Emergency stops: one human's word stops something at once, and starting it again takes more. */
import { type AuthorityState, freezesOn, frozenTargetName } from '@countersign/authority';
import type { FreezeTarget } from '@countersign/contract';
import type { Command } from 'commander';
import { EXIT } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { idNamed, ownAuthority } from '../own-authority.ts';
import { everyPage } from '../pages.ts';
import { resolveId } from '../profile.ts';
import { type Act, type Given, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { minuteOf, shortIds } from '../text.ts';

export function addFreeze(program: Registrar): void {
  targeted(
    verb(
      program,
      {
        usage: 'freeze',
        summary: 'Stop something at once; its open sessions are cut.',
        example: 'countersign freeze --env production --reason "odd queries"',
      },
      freeze,
    ),
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  targeted(
    verb(
      program,
      {
        usage: 'unfreeze [id]',
        summary: 'Lift a freeze, by its id or by what it stops.',
        example: 'countersign unfreeze --env production --reason "it was a test"',
      },
      unfreeze,
    ),
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    program,
    { usage: 'freezes', summary: 'Freezes that stand.', example: 'countersign freezes' },
    list,
  ).option('--all', 'also those that were lifted');
}

function targeted(command: Command): Command {
  return command
    .option('--all', 'everything, as one target')
    .option('--env <name>', 'an environment')
    .option('--connection <name>', 'a connection')
    .option('--agent <name>', 'an agent')
    .option('--human <name>', 'a human: they keep reading and the veto, and sign nothing else')
    .option('--key <fingerprint>', 'one key of a human; its start is enough');
}

const freeze: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const target = targetGiven(state, given);
  if (target === null) throw usageFailure('Say what to freeze.', '--env NAME, … or --all');
  const answer = await proposeSigned(
    context,
    seat,
    { kind: 'freeze', id: newStatementId(), body: { target, reason: given.need('reason') } },
    { state },
  );
  return settle(context, answer, [
    `another human seconds it: countersign sign ${answer.id}`,
    'to lift it:',
    `  countersign unfreeze ${answer.id} --reason TEXT`,
  ]);
};

const unfreeze: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const id = freezeGiven(state, given);
  const answer = await proposeSigned(
    context,
    seat,
    {
      kind: 'unfreeze',
      id: newStatementId(),
      body: { freeze: id, reason: given.need('reason') },
    },
    { state },
  );
  return settle(context, answer);
};

/** What the options name, exactly one thing; null when they name nothing. */
function targetGiven(state: AuthorityState, given: Given): FreezeTarget | null {
  const named: FreezeTarget[] = given.flag('all') ? [{ kind: 'everything', id: null }] : [];
  for (const kind of ['environment', 'connection', 'agent', 'human'] as const) {
    const name = given.text(kind === 'environment' ? 'env' : kind);
    if (name !== undefined) named.push({ kind, id: idNamed(state, kind, name) });
  }
  const key = given.text('key')?.replace(/\s/g, '');
  if (key !== undefined) {
    named.push({ kind: 'key', id: resolveId(key, [...state.keys.keys()], 'key') });
  }
  const [target, ...others] = named;
  if (others.length > 0) {
    throw usageFailure('A freeze is on one thing. Name one.', 'countersign freeze --help');
  }
  return target ?? null;
}

function freezeGiven(state: AuthorityState, given: Given): string {
  const id = given.arg(0);
  const target = targetGiven(state, given);
  if ((id === '') === (target === null)) {
    throw usageFailure('Name one freeze: by its id, or by what it stops.', 'countersign freezes');
  }
  if (target === null) return resolveId(id, [...state.freezes.keys()], 'freeze');
  const [standing, ...others] = freezesOn(state, target);
  const what = frozenTargetName(state, target);
  if (standing === undefined) {
    throw failed('not_found', `No freeze of ${what} stands.`, 'countersign freezes');
  }
  if (others.length > 0) {
    throw failed(
      'conflict',
      `${others.length + 1} freezes of ${what} stand, each to be lifted by itself.`,
      'countersign freezes',
    );
  }
  return standing.id;
}

const list: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const all = given.flag('all');
  const standing = all ? {} : { standing: 'true' as const };
  const freezes = await everyPage((query) =>
    client.call('freezes', { query: { ...query, ...standing } }),
  );
  const short = shortIds(freezes.map(({ id }) => id));
  context.out.result(
    { freezes },
    freezes.length === 0
      ? ['Nothing is frozen.']
      : table(
          ['ID', 'WHAT', 'SINCE', 'BY', 'SECONDED', ...(all ? ['STATE'] : []), 'REASON'],
          freezes.map((each) => [
            short.get(each.id) ?? each.id,
            [each.target.kind, each.name ?? each.target.id ?? ''].join(' ').trim(),
            minuteOf(each.frozen_at),
            each.author,
            each.seconded_by ?? '',
            ...(all ? [each.lifted_at === null ? 'stands' : 'lifted'] : []),
            each.reason,
          ]),
        ),
  );
  return EXIT.done;
};
