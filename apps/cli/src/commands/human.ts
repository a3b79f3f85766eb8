/** Humans: invited by a code that is no authority, joined by a key of their own, enrolled by others' signatures. */
import { Role } from '@countersign/contract';
import { EXIT } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { everyPage } from '../pages.ts';
import { type Act, collect, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { clean, shellWord, shortTime } from '../text.ts';
import { addHumanJoin } from './human-join.ts';
import { addHumanKey } from './human-key.ts';
import { addHumanRecover } from './human-recover.ts';

export function addHuman(program: Registrar): void {
  const human = noun(program, 'human', 'Humans, their roles and keys.');
  verb(
    human,
    {
      usage: 'invite <name>',
      summary: 'Make a one-use code for a new human, good for 24 hours. It is no authority.',
      example: 'countersign human invite bob --role approver',
    },
    invite,
  )
    .option('--role <role>', 'admin, approver or auditor; may be given several times', collect)
    .option('--group <name>', 'a group that rules may name; may be given several times', collect);
  addHumanJoin(human);
  verb(
    human,
    { usage: 'list', summary: 'Humans and their keys.', example: 'countersign human list' },
    list,
  );
  verb(
    human,
    {
      usage: 'remove <name>',
      summary: 'Remove a human: all their keys stop counting at once.',
      example: 'countersign human remove bob --reason "left the company"',
    },
    remove,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    human,
    {
      usage: 'set <name>',
      summary: 'Change the roles or groups of a human; what is left out stays.',
      example: 'countersign human set bob --role admin --role approver --group security',
    },
    set,
  )
    .option('--role <role>', 'admin, approver or auditor; all they shall have', collect)
    .option('--group <name>', 'a group that rules may name; all they shall be in', collect)
    .option('--no-group', 'no group any more');
  addHumanKey(human);
  addHumanRecover(human);
}

const invite: Act = async (context, given) => {
  const roles = rolesGiven(given);
  const name = given.arg(0);
  const wanted = roles.length === 0 ? (['approver'] as const) : roles;
  const { client } = await takeSeat(context);
  const invitation = await client.call('invite', {
    body: {
      name,
      roles: [...wanted],
      groups: [...new Set(given.list('group'))].sort(),
    },
  });
  // Words for a shell, so whoever answered writes no other command into it.
  const [code, url] = [invitation.code, invitation.url].map((text) => shellWord(clean(text)));
  const { broker } = invitation;
  const command = `countersign human join ${code} --name ${name} --server ${url} --broker ${broker}`;
  context.out.result({ ...invitation, command }, [
    `Give this code to ${name} alone. It works once, until ${shortTime(invitation.expires_at)}:`,
    context.out.bold(`  ${code}`),
    `${name} runs:`,
    `  countersign human join ${code} --name ${name} \\`,
    `    --server ${url} \\`,
    `    --broker ${broker}`,
    `Then ${name} reads a fingerprint to you, which you compare:`,
    '  countersign pending',
  ]);
  return EXIT.done;
};

const set: Act = async (context, given) => {
  const roles = rolesGiven(given);
  const groups = [...new Set(given.list('group'))].sort();
  const isAboutGroups = groups.length > 0 || given.isOff('group');
  if (roles.length === 0 && !isAboutGroups) {
    throw usageFailure('Say what shall change.', '--role ROLE, --group NAME or --no-group');
  }
  const answer = await proposeSigned(context, await takeSeat(context), {
    kind: 'human.enroll',
    id: newStatementId(),
    body: {
      human: given.arg(0),
      ...(roles.length === 0 ? {} : { roles }),
      ...(isAboutGroups ? { groups } : {}),
    },
  });
  return settle(context, answer);
};

/** Distinct and in order. @throws Failure usage */
function rolesGiven(given: Given): Role[] {
  const roles = Role.array().safeParse(given.list('role'));
  if (roles.success) return [...new Set(roles.data)].sort();
  throw usageFailure('--role is admin, approver or auditor.', '--role approver');
}

const list: Act = async (context) => {
  const { client } = await takeSeat(context);
  const humans = await everyPage((query) => client.call('humans', { query }));
  context.out.result(
    { humans },
    table(
      ['NAME', 'ROLES', 'GROUPS', 'SINCE', 'KEYS', 'NOTE'],
      humans.map((human) => [
        human.name,
        human.roles.join(' '),
        human.groups.join(' '),
        shortTime(human.enrolled_at).slice(0, 10),
        String(human.keys.filter((key) => key.revoked_at === null).length),
        human.removed_at !== null ? 'removed' : human.vouched_by_one ? 'vouched for by one' : '',
      ]),
    ),
  );
  return EXIT.done;
};

const remove: Act = async (context, given) =>
  settle(
    context,
    await proposeSigned(context, await takeSeat(context), {
      kind: 'human.remove',
      id: newStatementId(),
      body: { human: given.arg(0), reason: given.need('reason') },
    }),
  );
