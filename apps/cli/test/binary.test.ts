/** The real binary: what scripts and people rely on before any broker is there. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const BINARY = fileURLToPath(new URL('../bin/countersign', import.meta.url));
/** Nothing listens on it. */
const NOWHERE = 'http://127.0.0.1:1';
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(line: string, env: Record<string, string> = {}, binary = BINARY): Promise<Ended> {
  const { PATH = '' } = process.env;
  const given = { PATH, HOME: home, COUNTERSIGN_HOME: home, COUNTERSIGN_SERVER: NOWHERE, ...env };
  return new Promise((resolve) => {
    execFile(binary, line.split(' ').filter(Boolean), { env: given }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({ status: typeof code === 'number' ? code : -1, stdout, stderr });
    }).stdin?.end();
  });
}

test('looking after keys makes no broker where none has run', async () => {
  const nowhere = join(home, 'no-broker');
  for (const line of ['keys list', 'keys rotate --dry-run', 'keys rotate --token']) {
    const { status, stdout, stderr } = await run(line, { COUNTERSIGN_DATA_DIR: nowhere });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/COUNTERSIGN_DATA_DIR .*where\s+no\s+broker\s+has\s+run/s);
  }
  await expect(stat(nowhere)).rejects.toThrow('ENOENT');
});

describe.concurrent('help', () => {
  test('is on stdout, status 0, and fits 80 columns', async () => {
    const { status, stdout, stderr } = await run('--help');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/genesis.*playground|playground.*genesis/s);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('commands that are not there yet are not offered', async () => {
    const { stdout } = await run('--help');
    for (const later of ['scan', 'mcp']) {
      expect(stdout).not.toMatch(new RegExp(`^  ${later}\\b`, 'm'));
      expect((await run(later)).status).toBe(2);
    }
  });

  test.each([
    'serve',
    'keys list',
    'keys rotate',
    'playground',
    'genesis',
    'human invite',
    'human join',
    'human key add',
    'env set',
    'connection add',
    'migrate propose',
    'migrate run',
    'agent add',
    'agent keygen',
    'grant propose',
    'sign',
    'freeze',
    'unfreeze',
    'freezes',
    'guardrail add',
    'guardrail test',
    'connection remove',
    'connection set',
    'connection rotate',
    'agent credential set',
    'catalog show',
    'catalog adopt',
    'upgrade',
    'connection accept-escape',
    'request answer',
    'explain',
    'audit verify',
    'token',
    'exec',
    'ask',
  ])('of `%s` shows an example, and the options every command has', async (command) => {
    const { status, stdout } = await run(`${command} --help`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Example:\n {2}\$ /);
    for (const option of ['--json', '--profile', '--server']) expect(stdout).toContain(option);
  });
});

describe.concurrent('a usage error is status 2, on stderr, and names the next command', () => {
  test.each([
    ['', 'countersign --help'],
    ['human', 'countersign human --help'],
    ['nonsense', 'countersign --help'],
    ['pending --nonsense', 'countersign pending --help'],
    ['sign', 'countersign sign --help'],
    ['sign a b', 'countersign sign --help'],
    ['genesis --name alice', 'countersign genesis --help'],
    ['grant propose --agent a', 'countersign grant propose --help'],
    ['pending --profile ../../etc', '--profile default'],
    ['agent add x --auth magic --profile p', 'private-key-jwt or secret'],
    ['agent add x --auth secret --jwks f --profile p', 'not both'],
    ['token --connection pg', '--env'],
    ['upgrade', 'countersign upgrade --plan'],
    ['upgrade --plan --quorum 3', '--env production'],
    ['upgrade --plan --effect db:a=read', '--adopt PROVIDER'],
    ['catalog adopt db --effect db:a=nothing --reason x', '--effect postgres:update=delete'],
    ['connection set pg', '--map ENV=ID'],
    ['connection set pg --map production', '--map production='],
    ['connection set pg --config f.json', '--secret-stdin'],
    ['connection rotate pg', '--secret-stdin'],
    ['agent credential set a --auth private-key-jwt --reason x', '--jwks FILE'],
    ['keys rotate --now', '--token --now'],
    ['keys rotate --token --dry-run', 'keys list'],
  ])('countersign %s', async (line, next) => {
    const { status, stdout, stderr } = await run(line);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('next: ');
    expect(stderr.replace(/\s+/g, ' ')).toContain(next);
  });
});

describe.concurrent('with --json', () => {
  test.each([
    ['grant propose --json', 2, 'usage'],
    ['--json', 2, 'usage'],
    ['pending --json', 1, 'no_profile'],
    ['--json pending', 1, 'no_profile'],
    ['genesis --name a --code b --json', 1, 'broker_unavailable'],
    ['exec --json --connection c --env e -- true', 2, 'usage'],
  ])('countersign %s is one document on stdout', async (line, expected, code) => {
    const { status, stdout, stderr } = await run(line);
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({
      error: { code, message: expect.any(String), next: expect.any(String) },
    });
    expect(status).toBe(expected);
  });

  test('after `--` it belongs to the command that is run', async () => {
    const { stdout, stderr } = await run('exec --connection c --env e -- true --json');
    expect(stdout).toBe('');
    expect(stderr).toMatch(/COUNTERSIGN_AGENT/);
  });
});

test('without a broker, what to start is said, status 1', async () => {
  const { status, stderr } = await run('genesis --name alice --code CODE');
  expect(status).toBe(1);
  expect(stderr).toContain(`No broker answers at ${NOWHERE}`);
  expect(stderr).toContain('next: countersign serve');
});

test('a token is never sent in the clear over a network', async () => {
  const { status, stderr } = await run('genesis --name a --code b --server http://broker.example');
  expect(status).toBe(2);
  expect(stderr).toContain('https');
});

describe.concurrent('a key for an agent', () => {
  test('is made once, its private half in a file of mode 0600, its public half on stdout', async () => {
    const file = join(home, 'cursor.jwk');
    const made = await run(`agent keygen --out ${file}`);
    expect(made.status).toBe(0);
    const shown = JSON.parse(made.stdout);
    expect(Object.keys(shown).sort()).toEqual(['crv', 'kty', 'x']);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { d } = JSON.parse(await readFile(file, 'utf8'));
    expect(made.stdout + made.stderr).not.toContain(d);

    const again = await run(`agent keygen --out ${file}`);
    expect(again.status).toBe(1);
    expect(JSON.parse(await readFile(file, 'utf8')).d).toBe(d);
  });

  test('that is open to others is warned of', async () => {
    const file = join(home, 'open.jwk');
    await run(`agent keygen --out ${file}`);
    await chmod(file, 0o644);
    const env = { COUNTERSIGN_AGENT: 'cursor', COUNTERSIGN_AGENT_KEY_FILE: file };
    expect((await run('token', env)).stderr).toContain('chmod 600');
  });
});

describe.concurrent('verifying an export offline', () => {
  test.each([
    ['nothing', '', 5],
    ['no export', 'hello\n', 5],
  ])('of %s is refused', async (_, text, expected) => {
    const file = join(home, 'export.jsonl');
    await writeFile(file, text);
    const { status, stdout } = await run(`audit verify --offline ${file} --json`);
    expect(status).toBe(expected);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'verification_failed' } });
  });

  test('of a file that is not there is a usage error', async () => {
    expect((await run(`audit verify --offline ${home}/none`)).status).toBe(2);
  });
});

test('it works through a symbolic link, as package managers make them', async () => {
  const link = join(home, 'countersign');
  await symlink(BINARY, link);
  expect((await run('--help', {}, link)).status).toBe(0);
});
