/** What a connection is made of, read from where a person keeps it: never from an argument. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import type { DraftOf } from '@countersign/contract';
import { Secret } from '@countersign/core';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { usageFailure } from './failure.ts';
import { jsonOf, recordOf } from './key-file.ts';
import { isOpenToOthers } from './private-files.ts';
import type { Given } from './registrar.ts';
import type { Beside } from './statements.ts';

/** Of a new connection. */
export type ConnectionBody = Extract<DraftOf<'connection.set'>['body'], { name: string }>;

/** --secret-stdin and --secret-file. */
export function secretOptions(command: Command): Command {
  return command
    .option('--secret-stdin', 'read the root credential from stdin')
    .option('--secret-file <file>', 'read the root credential from a file');
}

/** Salted, so that what is signed tells nothing of a weak credential. */
export function besideOf(secret: Secret): Beside {
  const salt = randomBytes(32);
  const commitment = createHash('sha256').update(salt).update(secret.reveal(), 'utf8');
  return {
    credential: { salt: salt.toString('base64url'), value: secret.reveal() },
    commitment: commitment.digest('base64url'),
  };
}

/** A file's members are the provider's, but `environments`: environment name → provider ids. */
export async function readMembers(
  file: string,
): Promise<Pick<ConnectionBody, 'config' | 'environments'>> {
  const members = recordOf(jsonOf(await readGiven(file, '--config')));
  if (members === null) throw usageFailure(`${file} holds no JSON object.`, '--config FILE');
  const { environments, ...config } = members;
  return {
    // The file was just parsed as JSON, so that is what its members are.
    config: config as ConnectionBody['config'],
    environments: environments === undefined ? {} : mappingOf(environments, file),
  };
}

function mappingOf(value: unknown, file: string): ConnectionBody['environments'] {
  const entries = Object.entries(recordOf(value) ?? {});
  const mapped: Record<string, string[]> = {};
  for (const [environment, ids] of entries) {
    if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) {
      throw usageFailure(
        `In ${file}, environments maps each name to a list of ids.`,
        '{"environments": {"staging": ["host:5432/db"]}, …}',
      );
    }
    mapped[environment] = ids;
  }
  return mapped;
}

/** @throws Failure usage, unless exactly one place was named */
export async function readSecret(context: Context, given: Given): Promise<Secret> {
  const file = given.text('secretFile');
  if (given.flag('secretStdin') === (file !== undefined)) {
    throw usageFailure(
      'The root credential comes from exactly one place.',
      '--secret-stdin, or --secret-file FILE',
    );
  }
  const text =
    file === undefined ? await textOf(process.stdin) : await readGiven(file, '--secret-file');
  if (file !== undefined && (await isOpenToOthers(file))) {
    context.out.note(`warning: others can read ${file}; run: chmod 600 ${file}`);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw usageFailure('The root credential is empty.', '--secret-stdin < FILE');
  return new Secret('root credential', value);
}

async function readGiven(file: string, option: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw usageFailure(`${file} cannot be read.`, `${option} FILE`);
  }
}
