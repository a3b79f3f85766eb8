/** Connections: one account at one provider, and which of its ids belong to which environment. */
import type { ConnectionCheckView } from '@countersign/contract';
import {
  besideOf,
  type ConnectionBody,
  readMembers,
  readSecret,
  secretOptions,
} from '../connection-input.ts';
import { EXIT } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { everyPage } from '../pages.ts';
import { type Act, collect, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { type Seat, takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';
import { table } from '../table.ts';
import { clean, factLines, shellWord, WIDTH, wrap, wrapSql } from '../text.ts';
import { addChanges } from './connection-change.ts';

type FoundEscape = ConnectionCheckView['escapes'][number];

export function addConnection(program: Registrar): void {
  const connection = noun(program, 'connection', 'Accounts at providers, and what they reach.');
  secretOptions(
    verb(
      connection,
      {
        usage: 'add <name>',
        summary:
          'Add a connection. Its root credential comes from stdin or a file, never an argument.',
        example:
          'countersign connection add pg --provider postgres --config pg.json --secret-stdin',
      },
      add,
    )
      .requiredOption('--provider <name>', 'e.g. postgres')
      .requiredOption('--config <file>', 'JSON as the provider documents it, with `environments`')
      .option('--env <name>', "maps the connection's own id, where the file maps none"),
  );
  addChanges(connection);
  verb(
    connection,
    {
      usage: 'check <name>',
      summary: 'Ask the provider whether it works, and what it leaves open.',
      example: 'countersign connection check pg',
    },
    check,
  );
  verb(
    connection,
    { usage: 'list', summary: 'Connections.', example: 'countersign connection list' },
    list,
  );
  verb(
    connection,
    { usage: 'show <name>', summary: 'One connection.', example: 'countersign connection show pg' },
    show,
  );
  verb(
    connection,
    {
      usage: 'remove <name>',
      summary: 'Remove a connection for good: its sessions are cut, then its credential destroyed.',
      example: 'countersign connection remove pg --reason "moved away"',
    },
    remove,
  ).requiredOption('--reason <text>', 'your words, for the others and the ledger');
  verb(
    connection,
    {
      usage: 'accept-escape <name>',
      summary: 'Accept a way around its rights that stays open, by name.',
      example: 'countersign connection accept-escape pg --object OBJECT --reason "needed"',
    },
    acceptEscape,
  )
    .requiredOption('--object <name>', 'as check names it; may be given several times', collect)
    .requiredOption('--reason <text>', 'your words, for the others and the ledger');
}

const remove: Act = async (context, given) => {
  const answer = await proposeSigned(context, await takeSeat(context), {
    kind: 'connection.remove',
    id: newStatementId(),
    body: { connection: given.arg(0), reason: given.need('reason') },
  });
  return settle(context, answer, ['next: countersign connection list']);
};

const acceptEscape: Act = async (context, given) =>
  settle(
    context,
    await proposeSigned(context, await takeSeat(context), {
      kind: 'escape.accept',
      id: newStatementId(),
      body: {
        connection: given.arg(0),
        objects: given.list('object'),
        reason: given.need('reason'),
      },
    }),
  );

const add: Act = async (context, given) => {
  const { config, environments } = await readConfig(given);
  const body: ConnectionBody = {
    name: given.arg(0),
    provider: given.need('provider'),
    config,
    environments,
  };
  const secret = await readSecret(context, given);
  const answer = await proposeSigned(
    context,
    await takeSeat(context),
    { kind: 'connection.set', id: newStatementId(), body },
    besideOf(secret),
  );
  return settle(context, answer, [`next: countersign connection check ${body.name}`]);
};

/** The file's members are the provider's, but `environments`: environment name → provider ids. */
async function readConfig(given: Given): Promise<Pick<ConnectionBody, 'config' | 'environments'>> {
  const { config, environments } = await readMembers(given.need('config'));
  const isMapped = Object.keys(environments).length > 0;
  return { config, environments: isMapped ? environments : ownIdMapped(given, config) };
}

function ownIdMapped(
  given: Given,
  config: Readonly<Record<string, unknown>>,
): ConnectionBody['environments'] {
  const environment = given.text('env');
  const { host, port, database } = config;
  if (environment === undefined || typeof host !== 'string' || typeof database !== 'string') {
    throw usageFailure(
      'The file maps no environment. Name the one that this connection belongs to.',
      '--env staging, or "environments" in the file',
    );
  }
  return { [environment]: [`${host}:${typeof port === 'number' ? port : 5432}/${database}`] };
}

async function find({ client }: Seat, nameOrId: string) {
  const connections = await everyPage((query) => client.call('connections', { query }));
  const found = connections.find(({ id, name }) => id === nameOrId || name === nameOrId);
  if (found !== undefined) return found;
  throw failed(
    'not_found',
    `There is no connection ${nameOrId}, or it is not signed yet.`,
    'countersign connection list',
  );
}

const check: Act = async (context, given) => {
  const seat = await takeSeat(context);
  const { id, name } = await find(seat, given.arg(0));
  const view = await context.out.progress(
    'asking the provider',
    seat.client.call('checkConnection', { params: { id } }),
  );
  const isOpen = view.escapes.some(({ accepted }) => !accepted);
  const isClean = view.findings.every(({ ok }) => ok) && !isOpen;
  context.out.result(view, [
    ...view.findings.flatMap(({ ok, text }) =>
      wrap(`${ok ? 'ok  ' : 'BAD '} ${clean(text)}`, WIDTH, '     '),
    ),
    ...view.escapes.flatMap((found) => escapeLines(name, found)),
    !view.ok
      ? `${name} cannot be used for everything yet.`
      : isClean
        ? `${name} works.`
        : `${name} works, and leaves open what is marked BAD.`,
  ]);
  return view.ok && isClean ? EXIT.done : EXIT.failed;
};

/** What is open, how it is closed, and how else two humans can let it stand. */
function escapeLines(name: string, found: FoundEscape): string[] {
  const { object, explanation, remedy, accepted } = found;
  if (accepted) return wrap(`ok   accepted: ${clean(object)}`, WIDTH, '     ');
  return [
    ...wrap(`BAD  ${clean(object)}`, WIDTH, '     '),
    ...wrap(`     ${clean(explanation)}`, WIDTH, '     '),
    ...wrapSql(clean(remedy), WIDTH, '       '),
    '     or two humans accept it:',
    `       countersign connection accept-escape ${shellWord(name)} --object ${shellWord(clean(object))} --reason …`,
  ];
}

const list: Act = async (context) => {
  const { client } = await takeSeat(context);
  const connections = await everyPage((query) => client.call('connections', { query }));
  context.out.result(
    { connections },
    table(
      ['NAME', 'PROVIDER', 'ENDPOINT', 'ACCOUNT', 'ENVIRONMENTS', 'STATE'],
      connections.map((each) => [
        each.name,
        each.provider,
        each.endpoint,
        each.account,
        Object.keys(each.mapping).join(' '),
        each.state,
      ]),
    ),
  );
  return EXIT.done;
};

const show: Act = async (context, given) => {
  const view = await find(await takeSeat(context), given.arg(0));
  context.out.result(view, [
    context.out.bold(clean(view.name)),
    ...factLines([
      ['provider', view.provider],
      ['endpoint', view.endpoint],
      ['account', view.account],
      ['state', view.state],
      ...(view.former_credentials === 0
        ? []
        : [
            [
              'former credentials',
              `${view.former_credentials}, kept until their leases are taken back`,
            ] as const,
          ]),
      ...Object.entries(view.mapping).map(
        ([environment, ids]) => [environment, ids.join(', ')] as const,
      ),
      ...Object.entries(view.config).map(
        ([name, value]) =>
          [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
      ),
      ['id', view.id],
    ]),
  ]);
  return EXIT.done;
};
