/** Agents' questions to humans, and the grants that answer them. */
import type { AccessRequestView, DraftOf } from '@countersign/contract';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-status.ts';
import { failed } from '../failure.ts';
import { grantLimits, limitOptions } from '../grant-limits.ts';
import { everyPage } from '../pages.ts';
import { resolveId } from '../profile.ts';
import { type Act, noun, type Registrar, verb } from '../registrar.ts';
import { rightsOptions } from '../rights.ts';
import { type Seat, takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { clean, factLines, shortIds, shortTime } from '../text.ts';

export function addRequest(program: Registrar): void {
  const request = noun(program, 'request', "Agents' access requests.");
  verb(
    request,
    { usage: 'list', summary: 'Access requests.', example: 'countersign request list' },
    list,
  ).option('--all', 'also those that were answered');
  verb(
    request,
    {
      usage: 'show <id>',
      summary: 'One access request; the start of its id is enough.',
      example: 'countersign request show 01999f5e-7a40',
    },
    show,
  );
  limitOptions(
    rightsOptions(
      verb(
        request,
        {
          usage: 'answer <id>',
          summary: 'Turn an access request into a proposed grant, as asked or as you narrow it.',
          example: 'countersign request answer 01999f5e-7a40 --valid 1h',
        },
        answer,
      ),
    ),
  ).option('--reason <text>', "your words; left out: the agent's own reason");
  verb(
    request,
    {
      usage: 'reject <id>',
      summary: 'Say no. Your reason reaches the agent.',
      example: 'countersign request reject 01999f5e-7a40 --reason "use staging"',
    },
    reject,
  ).requiredOption('--reason <text>', 'your words, for the agent');
}

async function find({ client }: Seat, given: string): Promise<AccessRequestView> {
  const requests = await everyPage((query) => client.call('accessRequests', { query }));
  const id = resolveId(
    given,
    requests.map((each) => each.id),
    'request',
  );
  return await client.call('accessRequest', { params: { id } });
}

const list: Act = async (context, given) => {
  const { client } = await takeSeat(context);
  const requests = await everyPage((page) =>
    client.call('accessRequests', {
      query: given.flag('all') ? page : { ...page, open: 'true' },
    }),
  );
  const short = shortIds(requests.map(({ id }) => id));
  const rows = requests.map((each) => {
    const [first] = each.authorization_details;
    return [
      short.get(each.id) ?? each.id,
      each.status,
      each.agent,
      first?.environment ?? '',
      each.authorization_details.flatMap(({ operations }) => operations).join(' '),
      each.authorization_details.flatMap(({ resources }) => resources).join(' '),
    ];
  });
  const head = ['ID', 'STATUS', 'AGENT', 'ENV', 'OPERATIONS', 'RESOURCES'];
  context.out.result(
    { requests },
    rows.length === 0
      ? ['No agent waits for an answer.']
      : [
          ...table(head, rows, { fixed: [0, 1] }),
          ...(requests.some(({ status }) => status === 'open')
            ? [context.out.bold('next: countersign request answer ID')]
            : []),
        ],
  );
  return EXIT.done;
};

const show: Act = async (context, given) => {
  const view = await find(await takeSeat(context), given.arg(0));
  context.out.result(view, linesOf(context, view));
  return EXIT.done;
};

function linesOf(context: Context, view: AccessRequestView): string[] {
  return [
    context.out.bold(clean(`${view.status}: ${view.agent} asks`)),
    ...factLines([
      ...view.authorization_details.map(
        (each) =>
          [
            `${each.connection}, ${each.environment}`,
            `${each.operations.join(', ')} on ${each.resources.join(', ')}`,
          ] as const,
      ),
      ...(view.reason === null ? [] : [['its reason', view.reason] as const]),
      ...(view.rejection === null ? [] : [['rejected', view.rejection] as const]),
      ...(view.statement === null ? [] : [['statement', view.statement] as const]),
      ['asked at', shortTime(view.created_at)],
      ['id', view.id],
    ]),
    ...(view.status === 'open' ? [`next: countersign request answer ${view.id}`] : []),
  ];
}

type Permissions = NonNullable<DraftOf<'grant.create'>['body']['permissions']>;

const answer: Act = async (context, given) => {
  const limits = grantLimits(given);
  const seat = await takeSeat(context);
  const view = await find(seat, given.arg(0));
  const [first] = view.authorization_details;
  if (first === undefined) {
    throw failed('not_found', 'The request asks for nothing.', 'countersign request list');
  }
  const there = view.authorization_details.filter(
    (each) => each.connection === first.connection && each.environment === first.environment,
  );
  if (there.length < view.authorization_details.length) {
    context.out.note(
      `note: it asks for more than one target; this answers ${first.connection} in ${first.environment}.`,
    );
  }
  const statement = await proposeSigned(context, seat, {
    kind: 'grant.create',
    id: newStatementId(),
    body: {
      agent: view.agent,
      connection: first.connection,
      environment: first.environment,
      permissions: permissionsOf(there, given.list('op'), given.list('resource')),
      ...limits,
      request: view.id,
      reason: given.text('reason') ?? view.reason ?? `asked for by ${view.agent}`,
    },
  });
  return settle(context, statement);
};

/** The request's own rights, or the flags' where they name operations or resources. */
function permissionsOf(
  details: AccessRequestView['authorization_details'],
  ops: readonly string[],
  named: readonly string[],
): Permissions {
  const plain = details.map(({ operations, resources }) => ({ operations, resources }));
  if (ops.length === 0 && named.length === 0) return plain;
  const all = (member: 'operations' | 'resources') => [
    ...new Set(details.flatMap((detail) => detail[member])),
  ];
  return [
    {
      operations: ops.length > 0 ? [...ops] : all('operations'),
      resources: named.length > 0 ? [...named] : all('resources'),
    },
  ];
}

const reject: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const { id } = await find(seat, given.arg(0));
  const view = await seat.client.call('rejectAccessRequest', {
    params: { id },
    body: { reason: given.need('reason') },
  });
  context.out.result(view, [`rejected: ${view.agent} is told why.`]);
  return EXIT.done;
};
