/** The terminal of one human: the real command line, with a home, a key and a passphrase file of its own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { run } from '@countersign/cli';

export interface Typed {
  readonly command: string;
  /** Lines, both streams as they came. */
  readonly output: readonly string[];
  readonly exit: number;
}

export interface Terminal {
  readonly who: string;
  type(...argv: readonly string[]): Promise<Typed>;
  /** What `--json` prints. @throws Error where the command ends otherwise */
  json(...argv: readonly string[]): Promise<Readonly<Record<string, unknown>>>;
}

const PASSPHRASE = 'one passphrase for a demo';
/** Done, or waiting for more signatures. */
const WELL = [0, 4];

export async function openTerminal(
  directory: string,
  who: string,
  server: string,
): Promise<Terminal> {
  const home = join(directory, who);
  await mkdir(home, { mode: 0o700 });
  const passphrase = join(home, 'passphrase');
  await writeFile(passphrase, PASSPHRASE, { mode: 0o600 });
  const env = {
    HOME: home,
    COUNTERSIGN_HOME: join(home, 'profiles'),
    COUNTERSIGN_SERVER: server,
    COUNTERSIGN_PASSPHRASE_FILE: passphrase,
  };
  const type = async (...argv: readonly string[]): Promise<Typed> => {
    let both = '';
    let out = '';
    const stdout = writable((text) => {
      both += text;
      out += text;
    });
    const stderr = writable((text) => {
      both += text;
    });
    const exit = await run(argv, { env, stdin: { isTTY: false }, stdout, stderr });
    const text = argv.includes('--json') ? out : both;
    return {
      command: ['countersign', ...argv].map(word).join(' '),
      output: text.trimEnd().split('\n'),
      exit,
    };
  };
  return {
    who,
    type,
    async json(...argv) {
      const { command, output, exit } = await type(...argv, '--json');
      if (!WELL.includes(exit)) throw new Error(`${command}: ${output.join('\n')}`);
      return JSON.parse(output.join('\n'));
    },
  };
}

function writable(take: (text: string) => void): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      take(String(chunk));
      done();
    },
  });
}

function word(text: string): string {
  return /^[\w./:=-]+$/.test(text) ? text : `"${text}"`;
}
