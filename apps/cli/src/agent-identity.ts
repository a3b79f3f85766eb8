/** Who the agent is: its name and private key, from the environment. */
import { readFile } from 'node:fs/promises';
import { type Agent, createAgent, signingKeyOf } from '@countersign/client';
import type { RequestedDetail } from '@countersign/contract';
import { Secret } from '@countersign/core';
import { type Context, connectAsStranger } from './context.ts';
import { usageFailure, withNext } from './failure.ts';
import { isOpenToOthers } from './private-files.ts';
import { flagsOf } from './rights.ts';

/** @throws Failure usage when COUNTERSIGN_AGENT or its key file are missing */
export async function agentOf(context: Context): Promise<Agent> {
  const { COUNTERSIGN_AGENT: name, COUNTERSIGN_AGENT_KEY_FILE: file } = context.env;
  if (!name || !file) {
    throw usageFailure(
      'This command is an agent’s: COUNTERSIGN_AGENT and COUNTERSIGN_AGENT_KEY_FILE say which.',
      'COUNTERSIGN_AGENT=cursor COUNTERSIGN_AGENT_KEY_FILE=cursor.jwk countersign token …',
    );
  }
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) {
    throw usageFailure(
      'COUNTERSIGN_AGENT_KEY_FILE cannot be read.',
      'countersign agent keygen --out FILE',
    );
  }
  if (await isOpenToOthers(file)) {
    context.out.note(`warning: others can read ${file}; run: chmod 600 ${file}`);
  }
  const key = await signingKeyOf(new Secret('agent key', text));
  return createAgent(await connectAsStranger(context), { name, key });
}

/** A denial, with the very command by which the agent asks humans for the same (Law 5). */
export async function orHowToAsk<T>(
  details: readonly RequestedDetail[] | null,
  attempt: Promise<T>,
): Promise<T> {
  return await withNext(attempt, ({ problem }) =>
    problem.request_access === undefined
      ? 'stop, and tell the human you work for; they run: countersign agent list'
      : `countersign ask${flagsOf(details)} --reason "why you need it"`,
  );
}
