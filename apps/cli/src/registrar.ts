/** Nouns and verbs: every command gets the same options, an example, and one way to run. */
import { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitStatus } from './exit-status.ts';
import { usageFailure } from './failure.ts';

/** Runs a verb within its context and keeps its exit status. */
type Runner = (given: Given, act: (context: Context) => Promise<ExitStatus>) => Promise<void>;

export interface Registrar {
  readonly command: Command;
  readonly run: Runner;
}

/** What was typed, read without trusting its types. */
export class Given {
  readonly args: readonly string[];
  readonly #options: ReadonlyMap<string, unknown>;

  constructor(command: Command) {
    this.args = command.args;
    this.#options = new Map(Object.entries(command.optsWithGlobals()));
  }

  arg(position: number): string {
    return this.args[position] ?? '';
  }

  text(option: string): string | undefined {
    const value = this.#options.get(option);
    return typeof value === 'string' ? value : undefined;
  }

  /** The value of an option that commander has demanded. */
  need(option: string): string {
    const value = this.text(option);
    if (value === undefined) throw usageFailure(`--${option} is missing.`, 'countersign --help');
    return value;
  }

  list(option: string): string[] {
    const value = this.#options.get(option);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  flag(option: string): boolean {
    return this.#options.get(option) === true;
  }

  /** True where `--no-…` was typed. */
  isOff(option: string): boolean {
    return this.#options.get(option) === false;
  }
}

export type Act = (context: Context, given: Given) => Promise<ExitStatus>;

/** Adds a noun whose verbs are its own commands. */
export function noun(parent: Registrar, name: string, summary: string): Registrar {
  const command = parent.command.command(name).description(summary);
  return { command, run: parent.run };
}

/** Adds a command. `usage` holds its name and arguments as commander writes them. */
export function verb(
  parent: Registrar,
  spec: { readonly usage: string; readonly summary: string; readonly example: string },
  act: Act,
): Command {
  const command = parent.command.command(spec.usage).description(spec.summary);
  return everywhere(command)
    .addHelpText('after', `\nExample:\n  $ ${spec.example}`)
    .action(async (...received: unknown[]) => {
      const self = received.at(-1);
      const given = new Given(self instanceof Command ? self : command);
      await parent.run(given, async (context) => await act(context, given));
    });
}

/** Options that every command takes. */
export function everywhere(command: Command): Command {
  return command
    .option('--json', 'one JSON document on stdout and nothing else there')
    .option('--profile <name>', 'which of your profiles (COUNTERSIGN_PROFILE)')
    .option('--server <url>', 'where the broker is (COUNTERSIGN_SERVER)');
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
