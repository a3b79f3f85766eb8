/** Grants: one agent, some operations on named resources, one connection in one environment. */

import { deletionFacts, dryRunFacts, duration, sqlFacts } from '@countersign/authority';
import type { GrantView } from '@countersign/contract';
import { EXIT } from '../exit-status.ts';
import { usageFailure } from '../failure.ts';
import { grantLimits, limitOptions } from '../grant-limits.ts';
import { dependencyFacts, signatureFacts, standingFacts } from '../grant-lines.ts';
import { ownAuthority } from '../own-authority.ts';
import { everyPage } from '../pages.ts';
import { resolveId } from '../profile.ts';
import { type Act, noun, type Registrar, verb } from '../registrar.ts';
import { rightsOptions } from '../rights.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { clean, factLines, shortIds, shortTime } from '../text.ts';

export function addGrant(program: Registrar): void {
  const grant = noun(program, 'grant', 'What agents may do, as humans signed it.');
  limitOptions(
    rightsOptions(
      verb(
        grant,
        {
          usage: 'propose',
          summary: 'Propose a grant; whatever is delete-capable waits for a second human.',
          example:
            'countersign grant propose --agent cursor --connection pg --env staging \\\n' +
            '      --op postgres:select --resource public.bookings --reason "read bookings"',
        },
        propose,
      )
        .requiredOption('--agent <name>', 'the agent')
        .requiredOption('--connection <name>', 'the connection')
        .requiredOption('--env <name>', 'the environment'),
    ),
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    grant,
    { usage: 'list', summary: 'Grants and where they stand.', example: 'countersign grant list' },
    list,
  ).option('--agent <name>', 'of this agent only');
  verb(
    grant,
    {
      usage: 'show <id>',
      summary: 'One grant; the start of its id is enough.',
      example: 'countersign grant show 01999f5e-7a40',
    },
    show,
  );
  verb(
    grant,
    {
      usage: 'revoke <id>',
      summary: 'Revoke a grant: its leases end and their open sessions are cut.',
      example: 'countersign grant revoke 01999f5e-7a40 --reason "no longer needed"',
    },
    revoke,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
}

const propose: Act = async (context, given) => {
  const [operations, resources] = [given.list('op'), given.list('resource')];
  if (operations.length === 0 || resources.length === 0) {
    throw usageFailure(
      'A grant names its operations and resources: at least one --op and one --resource.',
      '--op postgres:select --resource public.bookings',
    );
  }
  const limits = grantLimits(given);
  const answer = await proposeSigned(context, await takeSeat(context), {
    kind: 'grant.create',
    id: newStatementId(),
    body: {
      agent: given.need('agent'),
      connection: given.need('connection'),
      environment: given.need('env'),
      permissions: [{ operations, resources }],
      ...limits,
      reason: given.need('reason'),
    },
  });
  return settle(context, answer);
};

const list: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const agent = given.text('agent');
  const grants = await everyPage((page) =>
    client.call('grants', { query: { ...page, ...(agent === undefined ? {} : { agent }) } }),
  );
  const short = shortIds(grants.map(({ id }) => id));
  context.out.result(
    { grants },
    table(
      ['ID', 'STATUS', 'AGENT', 'ENV', 'OPERATIONS', 'RESOURCES', 'USES'],
      grants.map((each) => [
        short.get(each.id) ?? each.id,
        standingOf(each),
        each.agent,
        each.environment,
        operationsOf(each).join(' '),
        resourcesOf(each).join(' '),
        each.max_uses === null ? 'any' : `${each.used}/${each.max_uses}`,
      ]),
      { fixed: [0, 1] },
    ),
  );
  return EXIT.done;
};

function standingOf(grant: GrantView): string {
  return grant.status === 'waiting' ? `waiting ${grant.have}/${grant.need}` : grant.status;
}

function operationsOf({ permissions }: GrantView): string[] {
  return [...new Set(permissions.flatMap((p) => p.operations.map(({ name }) => name)))];
}

function resourcesOf({ permissions }: GrantView): string[] {
  return [...new Set(permissions.flatMap((p) => p.resources))];
}

const show: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const grants = await everyPage((query) => client.call('grants', { query }));
  const id = resolveId(
    given.arg(0),
    grants.map((grant) => grant.id),
    'grant',
  );
  const view = await client.call('grant', { params: { id } });
  context.out.result(view, [
    context.out.bold(
      clean(`${standingOf(view)}: ${view.agent} in ${view.environment} on ${view.connection}`),
    ),
    ...factLines([
      ...view.reasons.map((reason) => ['because', reason] as const),
      ...view.permissions.map(
        (permission) =>
          [
            permission.operations.map((op) => `${op.name} (${op.effect})`).join(', '),
            permission.resources.join(', '),
          ] as const,
      ),
      ['each lease', `at most ${duration(view.ttl)}`],
      ['uses', view.max_uses === null ? 'unlimited' : `${view.used} of ${view.max_uses}`],
      ['from', view.from === null ? 'not yet' : shortTime(view.from)],
      ...(view.until === null
        ? [['until', `${duration(view.valid_for)} once signed`] as const]
        : []),
      ...standingFacts(view),
      ['signatures', `${view.have} of ${view.need}`],
      ...signatureFacts(view),
      ...dependencyFacts(view),
      ...(view.sql === null
        ? deletionFacts(view)
        : [...dryRunFacts(view.assessment), ...sqlFacts(view.sql)]
      ).map(({ label, value }) => [label, value] as const),
      ['reason', view.reason],
      ...(view.request === null ? [] : [['answers', view.request] as const]),
      ['id', view.id],
    ]),
  ]);
  return EXIT.done;
};

const revoke: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const grant = resolveId(given.arg(0), [...state.grants.keys()], 'grant');
  const answer = await proposeSigned(
    context,
    seat,
    { kind: 'grant.revoke', id: newStatementId(), body: { grant, reason: given.need('reason') } },
    { state },
  );
  return settle(context, answer);
};
