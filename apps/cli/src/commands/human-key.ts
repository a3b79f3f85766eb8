/** More than one key per human: another for another machine, and none that was lost. */
import { readAloud } from '@countersign/authority';
import { EXIT } from '../exit-status.ts';
import { failed } from '../failure.ts';
import { newDeviceKey, proposeAsNewcomer, requireUnused } from '../new-profile.ts';
import { idNamed, ownAuthority } from '../own-authority.ts';
import { profilePaths, resolveId } from '../profile.ts';
import { type Act, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import {
  descriptionLines,
  draftAsAsked,
  newStatementId,
  proposeSigned,
  settle,
  unlock,
} from '../statements.ts';
import { table } from '../table.ts';

export function addHumanKey(human: Registrar): void {
  const key = noun(human, 'key', 'Keys of humans.');
  verb(
    key,
    {
      usage: 'add',
      summary: 'Make another key of your own, in a profile of its own.',
      example: 'countersign human key add --into laptop',
    },
    add,
  ).requiredOption('--into <profile>', 'the new profile that will hold the key');
  verb(
    key,
    {
      usage: 'list [name]',
      summary: 'Keys and their fingerprints, of everybody or of one human.',
      example: 'countersign human key list alice',
    },
    list,
  );
  verb(
    key,
    {
      usage: 'revoke <fingerprint>',
      summary: 'Revoke a key; the start of its fingerprint is enough.',
      example: 'countersign human key revoke Xk3v9Qm2 --reason "laptop stolen"',
    },
    revoke,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
}

const add: Act = async (context, given) => {
  const into = profilePaths(context.home, given.need('into'));
  await requireUnused(into);
  const seat = await takeSeat(context);
  const { client, profile } = seat;
  const { name, issuer, broker } = profile;
  const state = await ownAuthority(context, seat);
  const self = state.humans.get(idNamed(state, 'human', name));
  if (self === undefined)
    throw failed('not_found', `${name} is not enrolled.`, 'countersign pending');
  const key = await newDeviceKey();
  const statement = await draftAsAsked(context, client, {
    request: {
      kind: 'human.enroll',
      id: newStatementId(),
      body: { name, key: key.jwk, recovery: null },
    },
    broker,
    state,
    self: self.id,
  });
  context.out.show(descriptionLines(context, state, statement));
  // Whoever holds neither role could not count, so only the new key shows its possession.
  const counts = self.roles.some((role) => role !== 'auditor');
  const own = counts ? await unlock(context, 'of your present key, to sign this') : null;
  const newcomer = { client, issuer, broker, name, key };
  const answer = await proposeAsNewcomer(context, newcomer, {
    statement,
    into,
    ...(own === null ? {} : { another: own }),
  });
  return settle(context, answer, [
    `The new key is in profile ${into.name}. Read its fingerprint to the others who sign:`,
    `  ${readAloud(key.kid)}`,
  ]);
};

const revoke: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const key = resolveId(given.args.join('').replace(/\s/g, ''), [...state.keys.keys()], 'key');
  const answer = await proposeSigned(
    context,
    seat,
    { kind: 'key.revoke', id: newStatementId(), body: { key, reason: given.need('reason') } },
    { state },
  );
  return settle(context, answer);
};

/** By this terminal's own fold: whose key a fingerprint is decides who is stopped with it. */
const list: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const name = given.arg(0);
  const human = name === '' ? null : idNamed(state, 'human', name);
  const keys = [...state.keys.values()]
    .filter((each) => human === null || each.human === human)
    .map((each) => ({
      human: state.humans.get(each.human)?.name ?? each.human,
      kid: each.kid,
      revoked_at: each.revokedAt,
      here: each.kid === seat.profile.kid,
    }));
  context.out.result(
    { keys },
    table(
      ['HUMAN', 'FINGERPRINT', 'NOTE'],
      keys.map((each) => [
        each.human,
        readAloud(each.kid),
        each.revoked_at !== null ? 'revoked' : each.here ? 'this one' : '',
      ]),
      { fixed: [1] },
    ),
  );
  return EXIT.done;
};
