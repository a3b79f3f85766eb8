/** A connection changed: another root credential, another place, ids that move between environments. */
import type { AuthorityState } from '@countersign/authority';
import {
  besideOf,
  type ConnectionBody,
  readMembers,
  readSecret,
  secretOptions,
} from '../connection-input.ts';
import { usageFailure } from '../failure.ts';
import { idNamed, ownAuthority } from '../own-authority.ts';
import { type Act, collect, type Registrar, verb } from '../registrar.ts';
import { takeSeat } from '../session.ts';
import { newStatementId, proposeSigned, settle } from '../statements.ts';

export function addChanges(connection: Registrar): void {
  secretOptions(
    verb(
      connection,
      {
        usage: 'set <name>',
        summary: 'Change what a connection reaches, or which ids belong to which environment.',
        example: 'countersign connection set pg --map production=db.example:5432/orders',
      },
      change,
    )
      .option('--map <env=id>', 'the id belongs to that environment; may be given several', collect)
      .option('--unmap <id>', 'the id belongs to none any more; may be given several', collect)
      .option('--config <file>', 'another configuration, with the root credential entered anew'),
  );
  secretOptions(
    verb(
      connection,
      {
        usage: 'rotate <name>',
        summary: 'Give a connection another root credential; it is tried before it is proposed.',
        example: 'countersign connection rotate pg --secret-stdin < new-password',
      },
      rotate,
    ),
  );
}

const rotate: Act = async (context, given) => {
  const connection = given.arg(0);
  const secret = await readSecret(context, given);
  const answer = await proposeSigned(
    context,
    await takeSeat(context),
    { kind: 'connection.set', id: newStatementId(), body: { connection } },
    besideOf(secret),
  );
  return settle(context, answer, [`next: countersign connection check ${connection}`]);
};

const change: Act = async (context, given) => {
  const connection = given.arg(0);
  const [mapped, unmapped] = [given.list('map'), given.list('unmap')];
  const file = given.text('config');
  const entered = given.flag('secretStdin') || given.text('secretFile') !== undefined;
  if (mapped.length + unmapped.length === 0 && file === undefined) {
    throw usageFailure(
      'Say what changes. Another root credential alone: countersign connection rotate',
      '--map ENV=ID, --unmap ID or --config FILE',
    );
  }
  if (file !== undefined && !entered) {
    throw usageFailure(
      'For another configuration the root credential is entered anew.',
      '--secret-stdin, or --secret-file FILE',
    );
  }
  const read = file === undefined ? null : await readMembers(file);
  const moves = mapped.map(parseMove);
  const secret = entered ? await readSecret(context, given) : null;
  const seat = await takeSeat(context);
  const state = await ownAuthority(context, seat);
  const answer = await proposeSigned(
    context,
    seat,
    {
      kind: 'connection.set',
      id: newStatementId(),
      body: {
        connection,
        ...(read === null ? {} : { config: read.config }),
        ...environmentsOf(mappingBefore(state, connection, read), moves, unmapped),
      },
    },
    { state, ...(secret === null ? {} : besideOf(secret)) },
  );
  return settle(context, answer, [`next: countersign connection show ${connection}`]);
};

interface Move {
  readonly environment: string;
  readonly id: string;
}

function parseMove(text: string): Move {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) {
    throw usageFailure(`${text} is no environment and id.`, '--map production=db.example:5432/db');
  }
  return { environment: text.slice(0, at), id: text.slice(at + 1) };
}

type Environments = Readonly<Record<string, readonly string[]>>;

/** As the file says where it does, else as it is now, by environment name. */
function mappingBefore(
  state: AuthorityState,
  connection: string,
  read: Pick<ConnectionBody, 'environments'> | null,
): Environments {
  if (read !== null && Object.keys(read.environments).length > 0) return read.environments;
  const present = state.connections.get(idNamed(state, 'connection', connection));
  return Object.fromEntries(
    Object.entries(present?.body.mapping ?? {}).map(([environment, ids]) => [
      state.environments.get(environment)?.name ?? environment,
      ids,
    ]),
  );
}

/** Whole, with each move made; an id belongs to one environment only. */
function environmentsOf(before: Environments, moves: readonly Move[], unmapped: readonly string[]) {
  const gone = new Set([...unmapped, ...moves.map(({ id }) => id)]);
  const after = new Map(
    Object.entries(before).map(([name, ids]) => [name, ids.filter((id) => !gone.has(id))]),
  );
  for (const { environment, id } of moves) {
    after.set(environment, [...(after.get(environment) ?? []), id]);
  }
  const environments = Object.fromEntries([...after].filter(([, ids]) => ids.length > 0));
  if (Object.keys(environments).length === 0) {
    throw usageFailure(
      'A connection maps at least one id into an environment.',
      'countersign connection remove NAME --reason TEXT   (to be rid of it)',
    );
  }
  return { environments };
}
