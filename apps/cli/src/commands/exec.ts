/**
 * A command with a credential in its environment and nowhere else: not on disk, not in an argument,
 * not in this process's environment. The lease is given back when the command ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Credential } from '@countersign/client';
import { agentOf, orHowToAsk } from '../agent-identity.ts';
import type { ExitStatus } from '../exit-status.ts';
import { failed, usageFailure } from '../failure.ts';
import { hasCode } from '../private-files.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';
import { requestedDetails, targetOptions } from '../rights.ts';

export function addExec(program: Registrar): void {
  targetOptions(
    verb(
      program,
      {
        usage: 'exec <command...>',
        summary: 'Run a command with an exchanged credential in its environment (agent side).',
        example: 'countersign exec --connection pg --env staging -- psql -c "select 1"',
      },
      exec,
    ),
  );
}

/** libpq variables that would point the command elsewhere than the credential does. */
const MISLEADING = ['PGHOSTADDR', 'PGSERVICE', 'PGSERVICEFILE', 'PGPASSFILE', 'PGOPTIONS'];

const exec: Act = async (context, given) => {
  const details = requestedDetails(given);
  const [command, ...args] = given.args;
  if (command === undefined) {
    throw usageFailure('Name the command to run.', 'countersign exec … -- psql');
  }
  const agent = await agentOf(context);
  const minted = await orHowToAsk(details, agent.token(details));
  const credential = await orHowToAsk(details, agent.exchange(minted, null));
  try {
    return await run(command, args, environmentWith(context.env, credential));
  } finally {
    await agent.giveBack(credential.leaseId).catch(() => {
      const end = new Date(credential.expiresAt).toISOString();
      context.out.note(`note: the lease could not be given back; it ends at ${end}.`);
    });
  }
};

function environmentWith(env: NodeJS.ProcessEnv, credential: Credential): NodeJS.ProcessEnv {
  if (credential.kind !== 'postgres') {
    throw failed(
      'unknown_credential',
      `exec does not know how to pass a credential of kind ${credential.kind}.`,
      'countersign exchange --json',
    );
  }
  const { host, port, database, username, password, sslmode } = credential.reveal();
  const inherited = Object.entries(env).filter(([name]) => !MISLEADING.includes(name));
  return {
    ...Object.fromEntries(inherited),
    PGHOST: String(host),
    PGPORT: String(port),
    PGDATABASE: String(database),
    PGUSER: String(username),
    PGPASSWORD: String(password),
    PGSSLMODE: String(sslmode),
    // libpq looks for a file of its own where nothing is said; the system's certificates are meant.
    ...(sslmode === 'verify-full' && env['PGSSLROOTCERT'] === undefined
      ? { PGSSLROOTCERT: 'system' }
      : {}),
  };
}

/** Its exit status; 128 and the signal's number when one ended it, as shells say it. */
async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ExitStatus> {
  const child = spawn(command, args, { stdio: 'inherit', env });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  // A terminal sends its own interrupt to the command; here it must only not end the wait.
  const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
  const handlers = signals.map((signal) => {
    const handler = () => {
      if (signal !== 'SIGINT' || process.stdin.isTTY !== true) forward(signal);
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  try {
    const [code, signal]: unknown[] = await once(child, 'exit');
    if (typeof code === 'number') return code;
    const number = Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
    return 128 + (number ?? 0);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw failed('not_found', `There is no command ${command}.`, 'check its name and PATH');
  } finally {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  }
}
