/** The server's own keys, for its operator: on a server's machine, with the server's environment. */
import { CountersignError } from '@countersign/core';
import type { KeyList } from '@countersign/server';
import type { Context } from '../context.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { type Act, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { table } from '../table.ts';

/** Milliseconds that servers are waited for: a few looks at their file. */
const PATIENCE = 15_000;

export function addKeys(program: Registrar): void {
  const keys = noun(program, 'keys', "The server's own keys, on its machine.");
  verb(
    keys,
    {
      usage: 'list',
      summary: 'Keys by id, state and age, and which server holds which. No secrets.',
      example: 'countersign keys list',
    },
    list,
  );
  verb(
    keys,
    {
      usage: 'rotate',
      summary: 'Put a new key in the place of the present one, while the servers go on.',
      example: 'countersign keys rotate',
    },
    rotate,
  )
    .option('--token', 'the key that signs tokens, instead of the key-encryption key')
    .option('--now', 'with --token, after a leak: end every token and session at once')
    .option('--dry-run', 'say what would be done, and who is not ready')
    .option('--leave-foreign', 'leave rows behind that open under no key of the file');
}

const rotate: Act = async (context, given) => {
  if (given.flag('token')) return await rotateToken(context, given);
  if (given.flag('now')) throw usageFailure('--now is for token keys.', '--token --now');
  const { rotateKekHere } = await import('@countersign/server');
  const rotating = rotateKekHere(context.env, {
    dryRun: given.flag('dryRun'),
    leaveForeign: given.flag('leaveForeign'),
    patience: PATIENCE,
    say: (text) => context.out.note(text),
  });
  const rotation = await rotating.catch(asOperators);
  const { state, from, to, rows, foreign, servers } = rotation;
  const document = { key: 'kek', state, from, to, rows, foreign, servers };
  if (state === 'waiting') {
    throw failed(
      'servers_behind',
      `Nothing is under the next key yet: ${servers.join(', ')} does not hold it.`,
      'copy the key file (COUNTERSIGN_KEK_FILE) to each of these machines, then: countersign keys rotate',
    );
  }
  context.out.result(document, linesOf(rotation));
  return EXIT.done;
};

async function rotateToken(context: Context, given: Given): Promise<ExitStatus> {
  if (given.flag('dryRun') || given.flag('leaveForeign')) {
    throw usageFailure(
      '--dry-run and --leave-foreign are for the key-encryption key.',
      'countersign keys list',
    );
  }
  const { rotateTokenKeyHere } = await import('@countersign/server');
  const atOnce = given.flag('now');
  const tokens = await rotateTokenKeyHere(context.env, { atOnce }).catch(asOperators);
  const word = atOnce
    ? 'Every token and session has ended: agents ask anew, humans sign in again.'
    : 'The next key is published, and signs from the time below.';
  context.out.result({ key: 'token', at_once: atOnce, tokens }, [word, '', ...tokenLines(tokens)]);
  return EXIT.done;
}

function tokenLines(tokens: KeyList['tokens']): string[] {
  return table(
    ['token key', 'state', 'signs from', 'ends'],
    tokens.map(({ id, state, signs_from, ends_at }) => [
      id.slice(0, 11),
      state,
      shortTime(signs_from),
      shortTime(ends_at),
    ]),
  );
}

/** An instant to the minute. */
function shortTime(instant: string): string {
  return `${instant.slice(0, 16).replace('T', ' ')}Z`;
}

/** What stands in an operator's way, with the command that tells more. */
function asOperators(error: unknown): never {
  if (!(error instanceof CountersignError)) throw error;
  throw failed(error.code, error.message, 'countersign keys rotate --dry-run');
}

function linesOf(rotation: {
  readonly state: string;
  readonly from: string;
  readonly to: string | null;
  readonly rows: number;
  readonly foreign: readonly string[];
  readonly servers: readonly string[];
}): string[] {
  const { state, from, to, rows, foreign, servers } = rotation;
  const left = foreign.map((row) => `Left behind, under no key of the file: ${row}`);
  if (state === 'planned') {
    return [
      `Would put ${to ?? 'a new key'} in the place of ${from} and make ${rows} rows anew.`,
      ...servers.map((name) => `Not ready: ${name} does not hold it yet.`),
      ...left,
    ];
  }
  return [
    `Done: ${to} is in the place of ${from}.`,
    ...left,
    ...servers.map((name) => `${name} still holds ${from}: copy the key file to its machine.`),
    `Backups of the database made before now open with ${from} only.`,
  ];
}

const list: Act = async (context: Context) => {
  const { listKeys } = await import('@countersign/server');
  const keys = await listKeys(context.env);
  context.out.result(keys, [
    ...table(
      ['key', 'id', 'state'],
      keys.keks.map(({ id, state }) => ['key-encryption', id, state]),
    ),
    '',
    ...tokenLines(keys.tokens),
    '',
    ...table(
      ['server', 'holds'],
      keys.servers.map(({ name, keks, intact }) => [
        name,
        intact ? keks.join(' ') : 'not what a server wrote',
      ]),
    ),
  ]);
  return EXIT.done;
};
