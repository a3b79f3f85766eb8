/** Commands of this repository that people type: what they take is told the same way by each of them. */

export interface TypedCommand<Options> {
  readonly usage: string;
  /** `help`: how it is used was asked for. @throws Error with what is wrong with an option */
  read(args: readonly string[]): Options | 'help';
  /** Resolves to the exit status. */
  run(options: Options): Promise<number>;
}

/** @returns the exit status: 2, with the reason and the usage on stderr, for what cannot be read */
export async function runTyped<Options>(
  { usage, read, run }: TypedCommand<Options>,
  args: readonly string[],
): Promise<number> {
  let options: Options | 'help';
  try {
    options = read(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'unknown'}\n\n${usage}\n`);
    return 2;
  }
  if (options !== 'help') return await run(options);
  process.stdout.write(`${usage}\n`);
  return 0;
}
