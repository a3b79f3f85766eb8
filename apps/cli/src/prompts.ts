/** Questions to a person. Prompts live on stderr; without a terminal a missing answer is a usage error. */
import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { Secret } from '@countersign/core';
import type { Context } from './context.ts';
import { failed, usageFailure } from './failure.ts';
import { isOpenToOthers } from './private-files.ts';

const SHORTEST_PASSPHRASE = 8;

/** The passphrase of this profile's key, afresh each time it is asked for. */
export async function askPassphrase(context: Context, purpose: string): Promise<Secret> {
  return (await passphraseFromFile(context)) ?? (await ask(context, `Passphrase ${purpose}`));
}

/** A new passphrase: typed twice, or from the file. */
export async function choosePassphrase(context: Context): Promise<Secret> {
  const given =
    (await passphraseFromFile(context)) ?? (await ask(context, 'A passphrase for your new key'));
  if ([...given.reveal()].length < SHORTEST_PASSPHRASE) {
    throw usageFailure(
      `A passphrase has at least ${SHORTEST_PASSPHRASE} characters.`,
      'run the command again with a longer one',
    );
  }
  if (!context.env['COUNTERSIGN_PASSPHRASE_FILE']) {
    const again = await ask(context, 'The same again');
    if (again.reveal() !== given.reveal()) {
      throw usageFailure('The two passphrases differ.', 'run the command again');
    }
  }
  return given;
}

/** A recovery code: typed, or the first line of standard input. @throws Failure usage without either */
export async function askRecoveryCode(context: Context): Promise<Secret> {
  if (context.terminal) return await ask(context, 'Your recovery code');
  const [line = ''] = (await textOf(process.stdin)).split('\n');
  return new Secret('recovery code', line.trim());
}

/** One line of text. @throws Failure usage without a terminal */
export async function askText(context: Context, message: string, instead: string): Promise<string> {
  requireTerminal(context, message, instead);
  const { isCancel, text } = await import('@clack/prompts');
  const answer = await text({ message, output: process.stderr });
  if (isCancel(answer)) throw cancelled();
  return answer;
}

async function passphraseFromFile(context: Context): Promise<Secret | null> {
  const file = context.env['COUNTERSIGN_PASSPHRASE_FILE'];
  if (!file) return null;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
    if (await isOpenToOthers(file)) {
      context.out.note(`warning: others can read ${file}; run: chmod 600 ${file}`);
    }
  } catch {
    throw usageFailure(
      'COUNTERSIGN_PASSPHRASE_FILE cannot be read.',
      'check the path, or unset COUNTERSIGN_PASSPHRASE_FILE to be asked',
    );
  }
  return new Secret('passphrase', text.replace(/\r?\n$/, ''));
}

async function ask(context: Context, message: string): Promise<Secret> {
  requireTerminal(context, message, 'set COUNTERSIGN_PASSPHRASE_FILE to a file that holds it');
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({ message, output: process.stderr });
  if (isCancel(answer)) throw cancelled();
  return new Secret('passphrase', answer);
}

function requireTerminal(context: Context, message: string, instead: string): void {
  if (context.terminal) return;
  throw usageFailure(`There is no terminal to answer on: ${message}.`, instead);
}

function cancelled(): Error {
  return failed('cancelled', 'Cancelled. Nothing was signed.', 'run the command again');
}
