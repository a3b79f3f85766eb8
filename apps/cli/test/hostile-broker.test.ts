/**
 * A server that is not what it says: whatever it answers may neither steer the terminal, nor look like
 * another line of the answer, nor put a command of its own into one that is to be pasted.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { newPrivateJwk } from '@countersign/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../src/run.ts';

/** A title for the window, a colour by its one-byte form, text turned round, and a second line. */
const STEERING = '\u001b]0;taken\u0007\u009b31m\u202e\r\nlease_id=another';
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const SHELL = "https://broker.example'; touch taken #";
const DIGEST = 'A'.repeat(43);
const LEASE = '01999f5e-7a40-7000-8000-000000000001';

let home = '';
let server = '';
let broker: Server;

const answers: Readonly<Record<string, unknown>> = {
  '/v1/broker': {
    issuer: 'http://localhost:8420',
    version: '0.1.0',
    broker: DIGEST,
    ledger_key: { kty: 'OKP', crv: 'Ed25519', x: DIGEST },
    ledger_vkey: 'broker.example+00000000+AA',
  },
  '/v1/invitations': {
    code: `code${STEERING}`,
    url: SHELL,
    broker: DIGEST,
    expires_at: '2026-11-21T12:00:00.000Z',
  },
};

function tokenAnswer(form: URLSearchParams): unknown {
  if (form.get('grant_type') === 'client_credentials') {
    return { access_token: `token${STEERING}`, token_type: 'DPoP', expires_in: 300 };
  }
  return {
    access_token: 'password',
    token_type: 'N_A',
    issued_token_type: 'urn:countersign:params:oauth:token-type:postgres',
    expires_in: 60,
    credential: { host: `host${STEERING}`, password: `password${STEERING}` },
    lease_id: LEASE,
  };
}

class Kept extends Writable {
  text = '';
  readonly isTTY: boolean;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function typed(argv: readonly string[], isTTY = false) {
  const [stdout, stderr] = [new Kept(isTTY), new Kept(isTTY)];
  const env = {
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_SERVER: server,
    COUNTERSIGN_AGENT: 'cursor',
    COUNTERSIGN_AGENT_KEY_FILE: join(home, 'cursor.jwk'),
    NO_COLOR: '1',
  };
  const status = await run(argv, { env, stdin: {}, stdout, stderr });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'countersign-cli-hostile-'));
  const key = (await newPrivateJwk('a key')).reveal();
  await writeFile(join(home, 'cursor.jwk'), key, { mode: 0o600 });
  broker = createServer((request, answer) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const path = request.url ?? '';
      if (path === '/v1/audit/export') answer.end(`{"entry":"${STEERING.slice(0, -18)}"}\n`);
      else if (path === '/oauth/token')
        answer.end(JSON.stringify(tokenAnswer(new URLSearchParams(body))));
      else if (path in answers) {
        answer.writeHead(path === '/v1/invitations' ? 201 : 200).end(JSON.stringify(answers[path]));
      } else answer.writeHead(500).end();
    });
  });
  await new Promise<void>((resolve) => {
    broker.listen(0, '127.0.0.1', resolve);
  });
  const address = broker.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server = `http://127.0.0.1:${address.port}`;
  const directory = join(home, 'profiles', 'default');
  await mkdir(directory, { recursive: true });
  const issuer = 'http://localhost:8420';
  const profile = {
    server,
    issuer,
    broker: DIGEST,
    name: 'alice',
    kid: DIGEST,
    seen: [],
    gaps: [],
  };
  await writeFile(join(directory, 'profile.json'), JSON.stringify(profile));
  const session = {
    v: 1,
    issuer,
    kid: DIGEST,
    expires_at: Date.now() + 3_600_000,
    token: 't',
    key,
  };
  await writeFile(join(directory, 'session.json'), JSON.stringify(session), { mode: 0o600 });
});
afterAll(async () => {
  broker.close();
  await rm(home, { recursive: true, force: true });
});

const COMMANDS = [
  ['token', '--connection', 'pg', '--env', 'staging'],
  ['exchange', '--connection', 'pg', '--env', 'staging'],
  ['human', 'invite', 'bob'],
];

describe('a hostile server steers nothing', () => {
  test.each(COMMANDS)('with %s', async (...argv) => {
    const { status, stdout, stderr } = await typed(argv);
    expect([status, stderr]).toEqual([0, '']);
    for (const line of stdout.split('\n')) expect(line).not.toMatch(UNSEEN);
    expect(stdout).not.toMatch(/^lease_id=another/m);
  });

  test.each(COMMANDS)(
    'with %s --json, which is one document of plain characters',
    async (...argv) => {
      const { status, stdout } = await typed([...argv, '--json']);
      expect(status).toBe(0);
      expect(stdout).toMatch(/^\{.*\}\n$/);
      expect(stdout.trimEnd()).not.toMatch(UNSEEN);
      // Escaped, not lost: programs get what was said.
      expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(STEERING).slice(1, -1));
    },
  );

  test('with an export on a terminal; a program gets it byte for byte', async () => {
    const shown = await typed(['audit', 'export'], true);
    for (const line of shown.stdout.split('\n')) expect(line).not.toMatch(UNSEEN);
    expect((await typed(['audit', 'export'])).stdout).toContain('\u009b31m');
  });

  test('the command to paste is one command', async () => {
    const { stdout } = await typed(['human', 'invite', 'bob', '--json']);
    expect(JSON.parse(stdout).command).toContain(
      "--server 'https://broker.example'\\''; touch taken #' --broker",
    );
  });
});
