/** Who the agent is: its name, and its private key or its secret, from the environment. */
import { readFile } from 'node:fs/promises';
import { type Agent, createAgent, type SigningKey, signingKeyOf } from '@countersign/client';
import type { RequestedDetail } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { type Context, connectAsStranger } from './context.ts';
import { usageFailure, withNext } from './failure.ts';
import { isOpenToOthers } from './private-files.ts';
import { flagsOf } from './rights.ts';

/**
 * With a secret file the secret authenticates, and a key file beside it binds the tokens; with a key file
 * alone the key does both.
 *
 * @param bind false: tokens are bound to no key, for clients that make no proofs
 * @throws Failure usage when COUNTERSIGN_AGENT, or both files, are missing
 */
export async function agentOf(context: Context, { bind = true } = {}): Promise<Agent> {
  const {
    COUNTERSIGN_AGENT: name,
    COUNTERSIGN_AGENT_KEY_FILE: keyFile,
    COUNTERSIGN_AGENT_SECRET_FILE: secretFile,
  } = context.env;
  if (!name || !(keyFile || secretFile)) {
    throw usageFailure(
      'This command is an agent’s: COUNTERSIGN_AGENT and COUNTERSIGN_AGENT_KEY_FILE, or COUNTERSIGN_AGENT_SECRET_FILE, say which.',
      'COUNTERSIGN_AGENT=cursor COUNTERSIGN_AGENT_KEY_FILE=cursor.jwk countersign token …',
    );
  }
  const key = keyFile ? await readKey(context, keyFile) : null;
  const secret = secretFile ? await readSecret(context, secretFile) : null;
  const client = await connectAsStranger(context);
  if (secret !== null) return createAgent(client, { name, secret, key, bind });
  // One of the two is there, and it is not the secret.
  if (key === null) throw usageFailure('There is no agent key.', 'countersign agent keygen');
  return createAgent(client, { name, key, bind });
}

async function readKey(context: Context, file: string): Promise<SigningKey> {
  const next = 'countersign agent keygen --out FILE';
  const text = await readOwn(context, { file, variable: 'COUNTERSIGN_AGENT_KEY_FILE', next });
  return await signingKeyOf(new Secret('agent key', text));
}

async function readSecret(context: Context, file: string): Promise<Secret> {
  const variable = 'COUNTERSIGN_AGENT_SECRET_FILE';
  const next = 'an admin runs: countersign agent add NAME --auth secret';
  const text = (await readOwn(context, { file, variable, next })).trim();
  // Its form is the broker's to judge; a whole file of something else is not sent to it.
  if (!/^[\x21-\x7e]{1,256}$/.test(text)) {
    throw usageFailure(`${variable} names a file that holds no client secret.`, next);
  }
  return new Secret('client secret', text);
}

/** The text of a file that is the agent's alone. */
async function readOwn(
  context: Context,
  wanted: { readonly file: string; readonly variable: string; readonly next: string },
): Promise<string> {
  const { file, variable, next } = wanted;
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) throw usageFailure(`${variable} cannot be read.`, next);
  if (await isOpenToOthers(file)) {
    context.out.note(`warning: others can read ${file}; run: chmod 600 ${file}`);
  }
  return text;
}

/** A denial, with the very command by which the agent asks humans for the same (Law 5). */
export async function orHowToAsk<T>(
  details: readonly RequestedDetail[] | null,
  attempt: Promise<T>,
): Promise<T> {
  return await withNext(attempt, ({ code, problem }) => {
    // It begins by itself: asking humans again would change nothing.
    if (code === 'cooling_off') return 'wait; humans see when it begins: countersign grant list';
    if (code === 'broker_unavailable') {
      return 'try again shortly; where it stays, the human you work for runs: countersign doctor';
    }
    return problem.request_access === undefined
      ? 'stop, and tell the human you work for; they run: countersign agent list'
      : `countersign ask${flagsOf(details)} --reason "why you need it"`;
  });
}
