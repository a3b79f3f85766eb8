/**
 * Every command with every option, wrong in every way: exit 2, one sentence that names what is wrong and a
 * command to run next, nothing on stdout, nothing written, and no request sent. In this process, by the
 * command line's own description of itself.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../src/run.ts';

let home = '';
let broker: Server;
let server = '';
let requests = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'countersign-cli-bad-'));
  broker = createServer((_, answer) => {
    requests += 1;
    answer.writeHead(500).end();
  });
  await new Promise<void>((resolve) => {
    broker.listen(0, '127.0.0.1', resolve);
  });
  const address = broker.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server = `http://127.0.0.1:${address.port}`;
});
afterAll(async () => {
  broker.close();
  await rm(home, { recursive: true, force: true });
});

class Kept extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function typed(...argv: readonly string[]) {
  const [stdout, stderr] = [new Kept(), new Kept()];
  // A command that works on the server's own machine must find this one, and be found out.
  const env = {
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_SERVER: server,
    COUNTERSIGN_DATA_DIR: join(home, 'server'),
  };
  const status = await run(argv, { env, stdin: {}, stdout, stderr });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

interface Described {
  readonly path: readonly string[];
  /** Names of arguments, those that may be left out as well. */
  readonly args: readonly string[];
  readonly options: readonly { readonly flag: string; readonly takes: boolean }[];
}

/** Every command that does something, as its help describes it. */
async function commandsUnder(path: readonly string[] = []): Promise<Described[]> {
  const { stdout } = await typed(...path, '--help');
  const section = (title: string) =>
    new RegExp(`^${title}:\\n((?: {2}.*\\n?)+)`, 'm').exec(stdout)?.[1]?.split('\n') ?? [];
  const nouns = section('Commands').flatMap((line) => /^ {2}([a-z][\w-]*)/.exec(line)?.[1] ?? []);
  const within = nouns.filter((name) => name !== 'help');
  if (within.length > 0) {
    return (await Promise.all(within.map((name) => commandsUnder([...path, name])))).flat();
  }
  const usage = /^Usage: (.*)$/m.exec(stdout)?.[1] ?? '';
  return [
    {
      path,
      args: usage.match(/[<[](?!options)[\w.-]+[\]>]/g) ?? [],
      options: section('Options').flatMap((line) => {
        const [, flag, value] = /^ {2}(?:-\w, )?(--[\w-]+)( <[\w.-]+>)?/.exec(line) ?? [];
        return flag === undefined || flag === '--help'
          ? []
          : [{ flag, takes: value !== undefined }];
      }),
    },
  ];
}

/** What is wrong with how a wrong command ended; empty when nothing is. */
async function complaints(argv: readonly string[], naming?: string): Promise<string[]> {
  const { status, stdout, stderr } = await typed(...argv);
  const said = `${argv.join(' ').slice(0, 100)}: ${status} ${stdout}${stderr}`.slice(0, 400);
  const lines = stderr.trimEnd().split('\n');
  const wrong: string[] = [];
  if (status !== 2) wrong.push(`is not a usage error: ${said}`);
  if (stdout !== '') wrong.push(`writes to stdout: ${said}`);
  if (!/^error: /m.test(stderr)) wrong.push(`says no error: ${said}`);
  if (!/^next: \S/.test(lines.at(-1) ?? '')) wrong.push(`says nothing to do next: ${said}`);
  if (/^\s+at .*:\d+/m.test(stderr)) wrong.push(`shows a stack: ${said}`);
  if (/[^\P{Cc}\n]|\p{Cf}/u.test(stderr))
    wrong.push(`steers the terminal: ${JSON.stringify(said)}`);
  // Where more than one thing is wrong, either may be named.
  const names = `${naming ?? ''}|required option '--`.split('|');
  if (
    naming !== undefined &&
    !names.some((each) => stderr.replaceAll(/\s+/g, ' ').includes(each))
  ) {
    wrong.push(`does not name ${naming}: ${said}`);
  }
  return wrong;
}

async function expectUsageErrors(...found: readonly Promise<string[]>[]): Promise<void> {
  const before = requests;
  const wrong = (await Promise.all(found)).flat();
  expect(wrong).toEqual([]);
  expect(await readdir(home)).toEqual([]);
  expect(requests).toBe(before);
}

const commands = await (async () => {
  home = tmpdir();
  return await commandsUnder();
})();
const table = commands.map((command) => [command.path.join(' '), command] as const);
/** What works on the server's own machine: it runs there, whatever is said of a server. */
const LOCAL = ['serve', 'playground', 'keys'];

test('the walk saw the commands', () => {
  expect(commands.length).toBeGreaterThan(25);
  expect(commands.flatMap(({ options }) => options).length).toBeGreaterThan(100);
});

describe('every command', () => {
  test.each(table)('%s: options', async (_, { path, args, options }) => {
    const filled = [...path, ...args.map(() => 'x')];
    await expectUsageErrors(
      complaints([...filled, '--admin'], '--admin'),
      complaints([...filled, '--admin=\u202e\u001b[2J']),
      complaints([...filled, '-Z']),
      ...options
        .filter(({ takes }) => takes)
        .map(({ flag }) => complaints([...filled, flag], flag)),
      ...options
        .filter(({ takes }) => !takes)
        .map(({ flag }) => complaints([...filled, `${flag}x`])),
    );
  });

  test.each(table)('%s: arguments', async (_, { path, args }) => {
    const required = args.filter((arg) => arg.startsWith('<'));
    await expectUsageErrors(
      complaints([...path, ...args.map(() => 'x'), 'one', 'too', 'many']),
      ...required.map((_arg, i) => complaints([...path, ...required.slice(0, i).map(() => 'x')])),
    );
  });

  const shaped = table.filter(([name]) => !LOCAL.includes(name.split(' ')[0] ?? ''));
  test.each(shaped)('%s: a server that is none', async (_, { path, args, options }) => {
    if (!options.some(({ flag }) => flag === '--server')) return;
    const before = requests;
    for (const url of ['x', 'http://broker.example.com', 'ftp://localhost', 'file:///etc/passwd']) {
      const { status, stdout, stderr } = await typed(
        ...path,
        ...args.map(() => 'x'),
        '--server',
        url,
      );
      // Something else may be missing before it matters; a broker that is none is never spoken to.
      expect([url, status, stdout]).not.toEqual([url, 0, stdout]);
      expect(stderr).not.toMatch(/^\s+at .*:\d+/m);
    }
    expect(requests).toBe(before);
  });
});

describe('values', () => {
  const propose =
    'grant propose --agent a --connection c --env e --op postgres:select --resource public.x --reason r';
  test.each([
    [`${propose} --ttl 5`, '--ttl'],
    [`${propose} --ttl -5m`, '--ttl'],
    [`${propose} --ttl 1e3s`, '--ttl'],
    [`${propose} --ttl 9999999999d`, '--ttl'],
    [`${propose} --valid forever`, '--valid'],
    [`${propose} --max-uses 0`, '--max-uses'],
    [`${propose} --max-uses 1.5`, '--max-uses'],
    ['token --connection pg', '--env'],
    ['token --op postgres:select', '--connection'],
    ['exchange --env staging', '--connection'],
    ['genesis --name alice --code', '--code'],
    ['nonsense', 'nonsense'],
    ['grant nonsense', 'nonsense'],
    ['grant', 'command'],
  ])('%s', async (line, naming) => {
    await expectUsageErrors(complaints(line.split(' '), naming));
  });

  test.each(['\u202egnp', '\u001b[2J', 'a\nb', '\u0000', 'é'.repeat(5000), '../../x', "'; --"])(
    'hostile text %j is neither run nor repeated as it came',
    async (text) => {
      await expectUsageErrors(
        complaints(['nonsense', text]),
        complaints([text]),
        complaints(['token', '--connection', text, '--env', text]),
        complaints(['audit', 'log', '--limit', text], '--limit'),
      );
    },
  );
});
