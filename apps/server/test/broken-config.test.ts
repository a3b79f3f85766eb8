/**
 * Broken configuration stops the start: one sentence that names the variable, what is wrong and what to
 * do; no stack, no secret, nothing written, nothing listening.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CountersignError } from '@countersign/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { start } from '../src/serve.ts';

const NODE = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));
const MAIN = fileURLToPath(new URL('../src/start.mjs', import.meta.url));
const PASSWORD = 'hunter2-Sesam';
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-config-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The refusal of a configuration, or null. */
function refusal(env: NodeJS.ProcessEnv): string | null {
  try {
    readConfig(env);
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

const HOSTILE = [
  '\0',
  '\n',
  'a\nb',
  ' ',
  '\u202e',
  'é',
  '%00',
  '../..',
  '$(id)',
  "'",
  'x'.repeat(9000),
];
const BROKEN: Readonly<Record<string, readonly string[]>> = {
  PORT: ['-1', '0', '65536', '1e3', '0x50', ' 80', '80 ', '8420.0', 'http', '٨٠', ...HOSTILE],
  HOST: [
    'example.com',
    '0.0.0.0',
    '::',
    '256.0.0.1',
    '127.0.0.1:80',
    '127.1',
    'LOCALHOST',
    ...HOSTILE,
  ],
  COUNTERSIGN_ISSUER: [
    'localhost',
    'http://localhost/',
    'http://localhost:8420/x',
    'http://localhost?x',
    'http://user@localhost',
    'http://broker.example.com',
    'https://broker.example.com/',
    'HTTPS://BROKER.EXAMPLE.COM',
    'ftp://localhost',
    'javascript:1',
    'null',
    ...HOSTILE,
  ],
  COUNTERSIGN_TRUSTED_PROXIES: [
    'x',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.1;::1',
    '::/129',
    ...HOSTILE,
  ],
  COUNTERSIGN_LOG_LEVEL: ['loud', 'INFO', '30', ...HOSTILE],
  COUNTERSIGN_QUORUM: ['0', '1'],
  DATABASE_URL: [
    `mysql://u:${PASSWORD}@127.0.0.1/x`,
    `postgres://u:${PASSWORD}@db.example.com/x`,
    `postgres://u:${PASSWORD}@db.example.com/x?sslmode=require`,
    `postgres://u:${PASSWORD}@/x`,
    `postgres:u:${PASSWORD}`,
    `//u:${PASSWORD}@127.0.0.1/x`,
    PASSWORD,
    ...HOSTILE,
  ],
};

describe('every variable', () => {
  test.each(Object.entries(BROKEN))('%s names itself when it is broken', (variable, values) => {
    for (const value of values) {
      const said = refusal({ [variable]: value });
      const named =
        `${variable} ` === said?.slice(0, variable.length + 1) || said?.includes(variable);
      expect([value.slice(0, 40), named]).toEqual([value.slice(0, 40), true]);
      expect(said).not.toContain(PASSWORD);
      // One line of a terminal's worth, whatever was in the variable.
      expect(said).toMatch(/^[^\p{Cc}\p{Cf}]{10,600}$/u);
    }
  });

  test('never starts on a value nobody meant, and never says a password', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(BROKEN)),
        fc.string({ unit: 'binary' }),
        (name, value) => {
          const said = refusal({
            [name]: value,
            ...(name === 'DATABASE_URL' ? { [name]: `postgres://u:${PASSWORD}@${value}` } : {}),
          });
          expect(said ?? '').not.toContain(PASSWORD);
          if (said !== null) expect(said).toMatch(/^[A-Z_]+ [^\p{Cc}\p{Cf}]*$/u);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** What a start says that stops; it must say it before anything is made. */
async function whyStopped(env: Readonly<Record<string, string>>): Promise<string> {
  const before = await readdir(directory, { recursive: true });
  try {
    const running = await start(readConfig({ HOME: directory, ...env }), createLogger('silent'));
    await running.stop();
    return 'it started';
  } catch (error) {
    if (!(error instanceof ConfigError) && !(error instanceof CountersignError)) throw error;
    expect(await readdir(directory, { recursive: true })).toEqual(before);
    return error.message;
  }
}

async function expectStopped(env: Readonly<Record<string, string>>, says: RegExp): Promise<void> {
  const said = await whyStopped(env);
  expect(said).toMatch(says);
  expect(said).toMatch(/^[^\p{Cc}\p{Cf}]{10,1000}$/u);
  expect(said).not.toContain(PASSWORD);
}

describe('the start', () => {
  const given = { PORT: '65534', DATABASE_URL: `postgres://u:${PASSWORD}@127.0.0.1:1/x` };

  async function kek(name: string, make: (file: string) => Promise<unknown>) {
    const file = join(directory, name);
    await make(file);
    return { ...given, COUNTERSIGN_KEK_FILE: file };
  }

  test('is a process that says one sentence and ends with status 1', async () => {
    const { PATH = '' } = process.env;
    const env = { PATH, HOME: directory, DATABASE_URL: `mysql://u:${PASSWORD}@h/x` };
    const ended = await new Promise((resolve) => {
      execFile(NODE, [MAIN], { env }, (error, stdout, stderr) => {
        resolve({ status: error?.code, stdout, stderr });
      });
    });
    expect(ended).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Countersign could not start: DATABASE_URL must be [^\n]*\n$/),
    });
  });

  test.each<[string, (file: string) => Promise<unknown>, RegExp]>([
    [
      'missing',
      async () => undefined,
      /COUNTERSIGN_KEK_FILE .*missing|COUNTERSIGN_KEK_FILE .*is not there/,
    ],
    ['empty', (file) => writeFile(file, '', { mode: 0o600 }), /COUNTERSIGN_KEK_FILE .*32 bytes/],
    [
      'short',
      (file) => writeFile(file, 'AAAA', { mode: 0o600 }),
      /COUNTERSIGN_KEK_FILE .*32 bytes/,
    ],
    [
      'of 10 MB',
      (file) => writeFile(file, 'A'.repeat(10_000_000), { mode: 0o600 }),
      /COUNTERSIGN_KEK_FILE /,
    ],
    [
      'raw bytes',
      (file) => writeFile(file, Buffer.alloc(32, 1), { mode: 0o600 }),
      /COUNTERSIGN_KEK_FILE .*32 bytes/,
    ],
    [
      'a directory',
      (file) => mkdir(file, { mode: 0o700 }),
      /COUNTERSIGN_KEK_FILE .*not a (regular )?file|cannot be read/,
    ],
    [
      'a pipe',
      async (file) => execFileSync('mkfifo', ['-m', '600', file]),
      /COUNTERSIGN_KEK_FILE .*not a (regular )?file/,
    ],
    [
      'readable by others',
      async (file) => {
        await writeFile(file, `${Buffer.alloc(32, 1).toString('base64')}\n`);
        await chmod(file, 0o644);
      },
      /COUNTERSIGN_KEK_FILE .*others can read.*chmod 600/,
    ],
  ])('a KEK file that is %s', async (what, make, says) => {
    await expectStopped(await kek(`kek-${what}`, make), says);
  });

  test('a data directory that is a file', async () => {
    const file = join(directory, 'a-file');
    await writeFile(file, '');
    await expectStopped({ PORT: '65534', COUNTERSIGN_DATA_DIR: file }, /COUNTERSIGN_DATA_DIR/);
  });

  test('a data directory with a name too long', async () => {
    const long = join(directory, 'x'.repeat(300));
    await expectStopped({ PORT: '65534', COUNTERSIGN_DATA_DIR: long }, /COUNTERSIGN_DATA_DIR/);
  });

  test('a database that does not answer', async () => {
    const good = `${Buffer.alloc(32, 1).toString('base64')}\n`;
    const env = await kek('kek-good', (file) => writeFile(file, good, { mode: 0o600 }));
    await expectStopped(env, /DATABASE_URL|database/);
  });

  test('a port in use, found before anything is made', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve);
    });
    const address = taken.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const dataDir = join(directory, 'unmade');
    await expectStopped(
      { PORT: String(address.port), COUNTERSIGN_DATA_DIR: dataDir },
      new RegExp(`PORT.*${address.port}.*in use`),
    );
    taken.close();
  });
});
