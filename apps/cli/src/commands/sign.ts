/** Signing and vetoing: shown first, in words made here from the very bytes that are signed. */
import { type AuthorityState, readAloud, signStatement } from '@countersign/authority';
import type { Statement } from '@countersign/contract';
import { consequenceLines } from '../consequences.ts';
import type { Context } from '../context.ts';
import { failed, unverified, usageFailure, withNext } from '../failure.ts';
import { ownAuthority } from '../own-authority.ts';
import { resolveId } from '../profile.ts';
import { askText } from '../prompts.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { type Seat, takeSeat } from '../session.ts';
import {
  descriptionLines,
  draftAsAsked,
  envelopeOf,
  newStatementId,
  settle,
  unlock,
} from '../statements.ts';
import { minuteOf } from '../text.ts';

/**
 * Characters of a fingerprint that must be read out and typed: four groups of four. 96 bits are beyond
 * whoever would search for a key that begins alike; the 48 of two groups are not.
 */
const READ_OUT = 16;

export function addSign(program: Registrar): void {
  verb(
    program,
    {
      usage: 'sign <id>',
      summary: 'Sign a statement that waits, or second a freeze; shows what it means first.',
      example: 'countersign sign 01999f5e-7a40',
    },
    sign,
  ).option(
    '--fingerprint <text>',
    "a joiner's fingerprint as they read it to you, for human.enroll",
  );
  verb(
    program,
    {
      usage: 'reject <id>',
      summary: 'Veto a statement that waits.',
      example: 'countersign reject 01999f5e-7a40 --reason "not in production"',
    },
    reject,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
}

const sign: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const { state, decoded } = await pendingStatement(context, seat, given.arg(0), 'sign');
  const { statement } = decoded;
  const option = given.text('fingerprint');
  // What has to be heard from the joiner is not on the screen to be copied from.
  const heard =
    keyIntroduced(state, statement) !== null && context.terminal && option === undefined;
  context.out.show([
    ...descriptionLines(context, state, statement, heard ? ['fingerprint'] : []),
    ...(await consequenceLines(state, statement)),
  ]);
  await compareFingerprint(context, state, statement, option);
  const signature = await signStatement(decoded, await unlock(context, 'to sign this'));
  const answer = await withNext(
    seat.client.call('sign', { params: { id: statement.id }, body: { signature } }),
    ({ code }) => (code === 'conflict' ? 'countersign pending --all' : null),
  );
  return settle(context, answer);
};

const reject: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const { state, decoded } = await pendingStatement(context, seat, given.arg(0), 'veto');
  const target = decoded.statement.id;
  const statement = await draftAsAsked(context, seat.client, {
    request: {
      kind: 'statement.reject',
      id: newStatementId(),
      body: { statement: target, reason: given.need('reason') },
    },
    broker: seat.profile.broker,
    state,
  });
  context.out.show(descriptionLines(context, state, statement));
  const envelope = await envelopeOf(statement, [await unlock(context, 'to sign this veto')]);
  const answer = await seat.client.call('reject', { params: { id: target }, body: { envelope } });
  return settle(context, answer);
};

/** The statement as the ledger holds it: its own bytes, not the server's account of them. */
async function pendingStatement(
  context: Context,
  seat: Seat,
  given: string,
  purpose: 'sign' | 'veto',
) {
  const state: AuthorityState = await ownAuthority(context, seat);
  const id = resolveId(given, [...state.statements.keys()], 'statement');
  const record = state.statements.get(id);
  if (record === undefined) throw failed('not_found', 'It is gone.', 'countersign pending');
  const seconds = state.freezes.get(id);
  const isOpen = seconds?.liftedAt === null && seconds.secondedBy === null;
  const isVetoable = purpose === 'veto' && record.status === 'cooling_off';
  if (record.status !== 'pending' && !isOpen && !isVetoable) {
    throw failed(
      'conflict',
      `This statement is ${record.status} already; it takes no signatures.`,
      'countersign pending',
    );
  }
  if (purpose === 'sign' && Date.parse(record.decoded.statement.sign_by) <= Date.now()) {
    throw failed(
      'conflict',
      `It took signatures until ${minuteOf(record.decoded.statement.sign_by)}. Propose it anew.`,
      'countersign pending --all',
    );
  }
  return { state, decoded: record.decoded };
}

/** Law 1: the sponsor compares the joiner's fingerprint with what the joiner reads out. */
async function compareFingerprint(
  context: Context,
  state: AuthorityState,
  statement: Statement,
  option: string | undefined,
): Promise<void> {
  const introduced = keyIntroduced(state, statement);
  if (introduced === null) {
    if (option === undefined) return;
    throw usageFailure('--fingerprint is for the new key of a human.', 'countersign sign ID');
  }
  const { fingerprint, name } = introduced;
  if (option === undefined && !context.terminal) {
    context.out.note(`fingerprint of ${name}: ${readAloud(fingerprint)}`);
    return;
  }
  const typed =
    option ??
    (await askText(
      context,
      `Type the first four groups of the fingerprint that ${name} reads to you`,
      '--fingerprint TEXT',
    ));
  if (!isReadOut(typed, fingerprint)) {
    throw unverified(
      `That is not the fingerprint in the statement. Somebody else may be joining as ${name}.`,
      `countersign reject ${statement.id} --reason "fingerprint differs"`,
    );
  }
}

/** In full, or whole groups of four from its start, four at least. */
export function isReadOut(typed: string, fingerprint: string): boolean {
  const text = typed.replace(/\s/g, '');
  if (text === fingerprint) return true;
  return text.length >= READ_OUT && text.length % 4 === 0 && fingerprint.startsWith(text);
}

/** The key a statement gives a human, and the human's name; null where it gives none. */
function keyIntroduced(
  state: AuthorityState,
  statement: Statement,
): { readonly fingerprint: string; readonly name: string } | null {
  switch (statement.kind) {
    case 'human.enroll':
      return state.keys.has(statement.body.fingerprint) ? null : statement.body;
    case 'recover': {
      const { human, fingerprint } = statement.body;
      return { fingerprint, name: state.humans.get(human)?.name ?? human };
    }
    default:
      return null;
  }
}
