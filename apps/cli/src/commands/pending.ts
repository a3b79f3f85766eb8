/** Statements that wait for signatures, each told in the words this terminal makes of its bytes. */
import {
  type AuthorityState,
  couldCount,
  countingHuman,
  delayed,
  describe,
  progressOf,
  requirementOf,
} from '@countersign/authority';
import type { Statement } from '@countersign/contract';
import { isDeleteCapable } from '@countersign/core';
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

/** Milliseconds for which whoever comes back is told what nobody signed in time. */
const LAPSED_LATELY = 30 * 86_400_000;

interface Waiting {
  readonly id: string;
  readonly kind: string;
  readonly headline: string;
  /** The same in as few words as a list has room for. */
  readonly what: string;
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

/** How much of each id is shown. */
type Short = ReturnType<typeof shortIds>;

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
        what: whatOf(state, statement),
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
  const settling = new Set(cooling.map(({ id }) => id));
  const lapsed = [...state.statements.values()]
    .filter(({ status, decoded: { statement } }) => {
      const end = Date.parse(statement.sign_by);
      const isLate = end <= Date.parse(now) && end > Date.parse(now) - LAPSED_LATELY;
      return status === 'pending' && isLate && !settling.has(statement.id);
    })
    .map(({ decoded: { statement } }) => ({
      id: statement.id,
      kind: statement.kind,
      what: whatOf(state, statement),
      sign_by: statement.sign_by,
    }));
  const all = given.flag('all');
  // What is typed from here has to be of one statement, of whatever table or time.
  const listed = [...shown, ...cooling, ...lapsed].map(({ id }) => id);
  const short = shortIds(listed, [...state.statements.keys()]);
  context.out.result({ statements: shown, cooling_off: cooling, ...(all ? { lapsed } : {}) }, [
    ...linesOf(context, shown, short),
    ...coolingLines(context, cooling, short),
    ...(all ? lapsedLines(lapsed, short) : []),
  ]);
  if (!all && lapsed.length > 0) {
    context.out.note(`${lapsed.length} lapsed within 30 days: countersign pending --all`);
  }
  const others = waiting.length - shown.length;
  if (others > 0) context.out.note(`${others} more wait for others: countersign pending --all`);
  const { items } = await seat.client.call('accessRequests', { query: { open: 'true', limit: 1 } });
  if (items.length > 0) context.out.note('Agents wait for an answer: countersign request list');
  return EXIT.done;
};

/** A grant is told apart by what it allows, the worst of it first; everything else by its headline. */
function whatOf(state: AuthorityState, statement: Statement): string {
  if (statement.kind !== 'grant.create') return describe(state, statement).headline;
  const { agent, environment, permissions, sql } = statement.body;
  if (sql !== null) return describe(state, statement).headline;
  const rights = permissions.map(({ operations, resources }) => {
    const names = operations
      .toSorted((a, b) => Number(isDeleteCapable(b.effect)) - Number(isDeleteCapable(a.effect)))
      .map(({ name }) => name.replace(/^.*:/, ''));
    return `${names.join(', ')} on ${resources.join(', ')}`;
  });
  const who = state.agents.get(agent)?.name ?? agent;
  const where = state.environments.get(environment)?.name ?? environment;
  return `${who}, ${where}: ${rights.join('; ')}`;
}

/** What any human can still veto, shown to everybody all that time. */
function coolingLines(context: Context, cooling: readonly Cooling[], short: Short): string[] {
  if (cooling.length === 0) return [];
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

/** Nothing of them can be signed any more; what is still wanted is proposed anew. */
function lapsedLines(
  lapsed: readonly { readonly id: string; readonly what: string; readonly sign_by: string }[],
  short: Short,
): string[] {
  if (lapsed.length === 0) return [];
  return [
    '',
    'Lapsed, since nobody signed in time. Propose anew what is still wanted:',
    ...table(
      ['ID', 'LAPSED', 'WHAT'],
      lapsed.map((each) => [short.get(each.id) ?? each.id, minuteOf(each.sign_by), each.what]),
      { fixed: [0, 1] },
    ),
  ];
}

function linesOf(context: Context, waiting: readonly Waiting[], short: Short): string[] {
  if (waiting.length === 0) return ['Nothing waits for you.'];
  return [
    ...table(
      ['ID', 'SIGNED', 'SIGN BY', 'WHAT'],
      waiting.map((each) => [
        short.get(each.id) ?? each.id,
        `${each.have} of ${each.need}`,
        minuteOf(each.sign_by),
        each.what,
      ]),
      { fixed: [0, 1, 2] },
    ),
    context.out.bold('next: countersign sign ID'),
  ];
}
