/** Statements that wait for signatures, each told in the words this terminal makes of its bytes. */
import {
  couldCount,
  countingHuman,
  delayed,
  describe,
  progressOf,
  requirementOf,
} from '@countersign/authority';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-status.ts';
import { ownAuthority } from '../own-authority.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { table } from '../table.ts';
import { minuteOf, shortIds } from '../text.ts';

export function addPending(program: Registrar): void {
  verb(
    program,
    {
      usage: 'pending',
      summary: 'Statements that wait for your signature.',
      example: 'countersign pending',
    },
    pending,
  ).option('--all', 'also those that wait for others only');
}

interface Waiting {
  readonly id: string;
  readonly kind: string;
  readonly headline: string;
  readonly have: number;
  readonly need: number;
  readonly missing: readonly string[];
  readonly sign_by: string;
  readonly waits_for_me: boolean;
}

interface Cooling {
  readonly id: string;
  readonly kind: string;
  readonly headline: string;
  readonly effective_from: string;
}

const pending: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const self = state.humans.get(state.keys.get(seat.profile.kid)?.human ?? '');
  const now = new Date().toISOString();
  const waiting: Waiting[] = [...state.statements.values()]
    .filter((record) => record.status === 'pending' && record.decoded.statement.sign_by > now)
    .map(({ decoded: { statement }, signatures }) => {
      const requirement = requirementOf(state, statement);
      const { have, need, missing, met } = progressOf(state, requirement, signatures);
      const { id, kind, sign_by } = statement;
      const signed = signatures.some(({ human }) => human === self?.id);
      const counts = countingHuman(state, requirement, seat.profile.kid) !== null;
      return {
        id,
        kind,
        headline: describe(state, statement).headline,
        have,
        need,
        missing,
        sign_by,
        // Enough once a freeze was lifted, and complete only when somebody signs again.
        waits_for_me:
          self !== undefined && counts && (met || !signed) && couldCount(requirement, self),
      };
    });
  const shown = given.flag('all') ? waiting : waiting.filter((each) => each.waits_for_me);
  const cooling = delayed(state).flatMap(({ statement: id, from }): Cooling[] => {
    const statement = state.statements.get(id)?.decoded.statement;
    if (statement === undefined) return [];
    const { kind } = statement;
    return [{ id, kind, headline: describe(state, statement).headline, effective_from: from }];
  });
  context.out.result({ statements: shown, cooling_off: cooling }, [
    ...linesOf(context, shown),
    ...coolingLines(context, cooling),
  ]);
  const others = waiting.length - shown.length;
  if (others > 0) context.out.note(`${others} more wait for others: countersign pending --all`);
  return EXIT.done;
};

/** What any human can still veto, shown to everybody all that time. */
function coolingLines(context: Context, cooling: readonly Cooling[]): string[] {
  if (cooling.length === 0) return [];
  const short = shortIds(cooling.map(({ id }) => id));
  return [
    '',
    'Takes effect by itself, unless somebody vetoes it:',
    ...table(
      ['ID', 'FROM', 'WHAT'],
      cooling.map((each) => [
        short.get(each.id) ?? each.id,
        minuteOf(each.effective_from),
        each.headline,
      ]),
      { fixed: [0, 1] },
    ),
    context.out.bold('veto: countersign reject ID --reason TEXT'),
  ];
}

function linesOf(context: Context, waiting: readonly Waiting[]): string[] {
  if (waiting.length === 0) return ['Nothing waits for you.'];
  const short = shortIds(waiting.map(({ id }) => id));
  return [
    ...table(
      ['ID', 'SIGNED', 'SIGN BY', 'WHAT'],
      waiting.map((each) => [
        short.get(each.id) ?? each.id,
        `${each.have} of ${each.need}`,
        minuteOf(each.sign_by),
        each.headline,
      ]),
      { fixed: [0, 1, 2] },
    ),
    context.out.bold('next: countersign sign ID'),
  ];
}
