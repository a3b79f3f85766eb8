/** Environments and the rule each sets for what is delete-capable. */
import { duration } from '@countersign/authority';
import type { Context } from '../context.ts';
import { parseCount, parseDuration } from '../duration.ts';
import { EXIT } from '../exit-status.ts';
import { ownAuthority } from '../own-authority.ts';
import { everyPage } from '../pages.ts';
import { type Act, collect, noun, type Registrar, verb } from '../registrar.ts';
import { type Seat, takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';

/** The strictest class there is: whoever does not say otherwise gets it. */
const DEFAULT_CLASS = 'production';

export function addEnv(program: Registrar): void {
  const env = noun(program, 'env', 'Environments and their rules.');
  verb(
    env,
    {
      usage: 'set <name>',
      summary: 'Create an environment, or change its rule; loosening it takes its own quorum.',
      example: 'countersign env set production --class production --quorum 2',
    },
    set,
  )
    .option('--class <class>', `its class (left out: ${DEFAULT_CLASS}, the strictest)`)
    .option('--quorum <n>', 'distinct approvers for anything delete-capable; at least 2')
    .option(
      '--group <name>',
      'a group that must give a signer; may be given several times',
      collect,
    )
    .option('--no-group', 'no group has to give a signer any more')
    .option('--user-verified <n>', 'how many must sign with user-verified keys')
    .option('--cool-off <duration>', 'wait between the last signature and the start, e.g. 10m')
    .option('--require-dpop', 'demand DPoP of every token here')
    .option('--no-require-dpop', 'demand it no more')
    .option('--rename <name>', 'give it another name');
  verb(
    env,
    { usage: 'list', summary: 'Environments and their rules.', example: 'countersign env list' },
    list,
  );
}

const set: Act = async (context, given) => {
  const [quorum, coolOff] = [given.text('quorum'), given.text('coolOff')];
  const verified = given.text('userVerified');
  const groups = [...new Set(given.list('group'))].sort();
  // Read before anybody is asked anything: what was typed wrong is said at once.
  const rule = {
    ...(quorum === undefined ? {} : { quorum: parseCount(quorum, '--quorum', 2) }),
    ...(verified === undefined
      ? {}
      : { user_verified: parseCount(verified, '--user-verified', 0) }),
    ...(coolOff === undefined ? {} : { cool_off: coolOffOf(coolOff) }),
    ...(groups.length === 0 && !given.isOff('group') ? {} : { groups }),
    ...(given.flag('requireDpop') ? { require_dpop: true } : {}),
    ...(given.isOff('requireDpop') ? { require_dpop: false } : {}),
  };
  const renamed = given.text('rename');
  const seat = await takeSeat(context);
  const named = given.text('class') ?? (await presentClass(context, seat, given.arg(0)));
  if (named === null) {
    context.out.note(`note: no --class given, so it is ${DEFAULT_CLASS}, the strictest.`);
  }
  const answer = await proposeSigned(context, seat, {
    kind: 'environment.set',
    id: newStatementId(),
    body: {
      ...(renamed === undefined ? {} : { environment: given.arg(0) }),
      name: renamed ?? given.arg(0),
      class: named ?? DEFAULT_CLASS,
      ...rule,
    },
  });
  return settle(context, answer);
};

/** `0` ends a cool-off; every other length has its unit. */
function coolOffOf(text: string): number {
  return text === '0' ? 0 : parseDuration(text, '--cool-off');
}

/** What is changed keeps its class unless another one is named; null for what is new. */
async function presentClass(context: Context, seat: Seat, name: string): Promise<string | null> {
  const state = await ownAuthority(context, seat);
  const present = [...state.environments.values()].find((environment) => environment.name === name);
  return present?.rule.class ?? null;
}

const list: Act = async (context) => {
  const { client } = await takeSeat(context);
  const environments = await everyPage((query) => client.call('environments', { query }));
  context.out.result(
    { environments },
    table(
      ['NAME', 'CLASS', 'QUORUM', 'GROUPS', 'COOL-OFF', 'DPOP'],
      environments.map((each) => [
        each.name,
        each.class,
        String(each.quorum),
        each.groups.join(' '),
        each.cool_off === 0 ? 'none' : duration(each.cool_off),
        each.require_dpop ? 'demanded' : '',
      ]),
    ),
  );
  return EXIT.done;
};
