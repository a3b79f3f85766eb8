/** The server's own keys, for its operator: on a server's machine, with the server's environment. */
import { CountersignError } from '@countersign/core';
import type { KekRotation, KeyList } from '@countersign/server';
import type { Context } from '../context.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { type Act, type Given, noun, type Registrar, verb } from '../registrar.ts';
import { table } from '../table.ts';
import { minuteOf } from '../text.ts';

/** Milliseconds that servers are waited for: a few looks at their file. */
const PATIENCE = 15_000;
/** What is missing when the database or the key file are not the server's. */
const AS_SERVED =
  'countersign keys list   (as the user and in the environment of countersign serve)';

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
  const rotation = await asOperator(rotating, 'countersign keys rotate --dry-run');
  const { state, from, to, rows, foreign, servers } = rotation;
  const document = { key: 'kek', state, from, to, rows, foreign, servers };
  if (state === 'waiting') {
    throw failed(
      'servers_behind',
      `Nothing is under the next key yet. Servers that do not hold it: ${servers.join(', ')}.`,
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
  const tokens = await asOperator(rotateTokenKeyHere(context.env, { atOnce }), AS_SERVED);
  const word = atOnce
    ? 'Every token and session has ended: agents ask anew, humans sign in again.'
    : 'The next key is published, and signs from the time below.';
  context.out.result({ key: 'token', at_once: atOnce, tokens }, [word, '', ...tokenLines(tokens)]);
  return EXIT.done;
}

function tokenLines(tokens: KeyList['tokens']): string[] {
  return table(
    ['TOKEN KEY', 'STATE', 'SIGNS FROM', 'ENDS'],
    tokens.map(({ id, state, signs_from, ends_at }) => [
      id.slice(0, 11),
      state,
      minuteOf(signs_from),
      minuteOf(ends_at),
    ]),
  );
}

/** What stands in an operator's way, with the command that tells more. */
async function asOperator<T>(work: Promise<T>, next: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CountersignError) throw failed(error.code, error.message, next);
    const { ConfigError } = await import('@countersign/server');
    if (error instanceof ConfigError) throw failed('failed', error.message, AS_SERVED);
    throw error;
  }
}

function linesOf({ state, from, to, rows, foreign, servers }: KekRotation): string[] {
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
  const keys = await asOperator(listKeys(context.env), AS_SERVED);
  context.out.result(keys, [
    ...table(
      ['KEY', 'ID', 'STATE'],
      keys.keks.map(({ id, state }) => ['key-encryption', id, state]),
    ),
    '',
    ...tokenLines(keys.tokens),
    '',
    ...table(
      ['SERVER', 'HOLDS'],
      keys.servers.map(({ name, keks, intact }) => [
        name,
        intact ? keks.join(' ') : 'not what a server wrote',
      ]),
    ),
  ]);
  return EXIT.done;
};
