/** One run of the CLI: arguments in, exit status out. What fails is printed in the form that was asked for. */
import { rm } from 'node:fs/promises';
import { VERSION } from '@countersign/core';
import { Command, CommanderError } from 'commander';
import { addAgent } from './commands/agent.ts';
import { addAsk } from './commands/ask.ts';
import { addAudit } from './commands/audit.ts';
import { addCatalog } from './commands/catalog.ts';
import { addConnection } from './commands/connection.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEnv } from './commands/env.ts';
import { addExec } from './commands/exec.ts';
import { addExplain } from './commands/explain.ts';
import { addFreeze } from './commands/freeze.ts';
import { addGenesis } from './commands/genesis.ts';
import { addGrant } from './commands/grant.ts';
import { addGuardrail } from './commands/guardrail.ts';
import { addHuman } from './commands/human.ts';
import { addKeys } from './commands/keys.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPending } from './commands/pending.ts';
import { addRequest } from './commands/request.ts';
import { addServer } from './commands/server.ts';
import { addSign } from './commands/sign.ts';
import { addToken } from './commands/token.ts';
import { addUpgrade } from './commands/upgrade.ts';
import type { Context } from './context.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { type Explanation, explain } from './failure.ts';
import { isSessionOver } from './lasting-client.ts';
import { Output, type Streams } from './output.ts';
import { homeOf, type ProfilePaths, profilePaths } from './profile.ts';
import { everywhere, type Given, type Registrar } from './registrar.ts';

export interface Surroundings extends Streams {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: { readonly isTTY?: boolean };
}

/** @param argv without node and script */
export async function run(argv: readonly string[], around: Surroundings): Promise<ExitStatus> {
  const before = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length);
  const out = new Output(around, { json: before.includes('--json'), colour: wantsColour(around) });
  let status: ExitStatus = EXIT.done;
  let paths: ProfilePaths | null = null;
  const program = new Command('countersign');
  const registrar: Registrar = {
    command: program,
    run: async (given, act) => {
      const context = contextOf(given, around, out);
      paths = context.paths;
      status = await act(context);
    },
  };
  configure(registrar, around, out.json);
  try {
    await program.parseAsync(keysLast(argv), { from: 'user' });
    return status;
  } catch (error) {
    const explained = explanationOf(error, helpFor(program, before));
    if (explained === null) return EXIT.done;
    const { session } = paths ?? { session: null };
    if (session !== null && isSessionOver(explained.code)) await rm(session, { force: true });
    out.failure(explained);
    return explained.status;
  }
}

/**
 * A thumbprint is base64url and may begin with a dash, as an option does: one that stands by itself goes
 * behind `--`, where nothing is an option.
 */
export function keysLast(argv: readonly string[]): string[] {
  if (argv.includes('--')) return [...argv];
  const isKey = (text: string, at: number): boolean =>
    /^-[A-Za-z0-9_-]{42}$/.test(text) && !(argv[at - 1] ?? '').startsWith('--');
  const keys = argv.filter(isKey);
  return keys.length === 0 ? [...argv] : [...argv.filter((t, i) => !isKey(t, i)), '--', ...keys];
}

function configure(registrar: Registrar, around: Surroundings, json: boolean): void {
  const { command } = registrar;
  command.configureOutput({
    writeOut: (text) => around.stdout.write(text),
    writeErr: (text) => (json ? true : around.stderr.write(text)),
    // Printed with everything else that fails, in the form that was asked for.
    outputError: () => undefined,
    getOutHelpWidth: () => 80,
    getErrHelpWidth: () => 80,
  });
  command
    .exitOverride()
    .version(`countersign ${VERSION}`, '-V, --version', 'print the version')
    .description(
      'Least-privilege tokens for AI agents: nothing delete-capable until a second human has signed.',
    );
  everywhere(command).addHelpText('after', '\nStart here:\n  $ countersign serve');
  for (const add of [
    addServer,
    addDoctor,
    addUpgrade,
    addKeys,
    addGenesis,
    addHuman,
    addEnv,
    addConnection,
    addCatalog,
    addAgent,
    addGrant,
    addMigrate,
    addPending,
    addSign,
    addRequest,
    addFreeze,
    addGuardrail,
    addExplain,
    addAudit,
    addToken,
    addExec,
    addAsk,
  ]) {
    add(registrar);
  }
}

function contextOf(given: Given, around: Surroundings, out: Output): Context {
  const { env } = around;
  const home = homeOf(env);
  return {
    out,
    env,
    home,
    paths: profilePaths(home, given.text('profile') || env['COUNTERSIGN_PROFILE'] || 'default'),
    serverOption: given.text('server') || env['COUNTERSIGN_SERVER'] || null,
    terminal: around.stdin.isTTY === true && around.stderr.isTTY === true,
  };
}

/** Null for what is no failure: help and version. */
function explanationOf(error: unknown, help: string): Explanation | null {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return null;
    const message =
      error.code === 'commander.help'
        ? 'Name a command.'
        : error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    return { status: EXIT.usage, code: 'usage', message, next: help };
  }
  return explain(error);
}

/** How to ask for the help of the deepest command that was named. */
function helpFor(program: Command, argv: readonly string[]): string {
  let command = program;
  const path = ['countersign'];
  for (const word of argv) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) continue;
    path.push(word);
    command = next;
  }
  return `${path.join(' ')} --help`;
}

function wantsColour({ env, stdout }: Surroundings): boolean {
  return stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
