/** A human at the real `countersign`: joined by an invitation, with a key file and a passphrase file. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Deployment } from './deployment.ts';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/countersign', import.meta.url));

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Terminal {
  readonly home: string;
  run(args: readonly string[], stdin?: string): Promise<Ran>;
  /** Parses what `--json` printed; `status` is what the command must end with. */
  json(args: readonly string[], status?: number): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

/** Invited by alice, and signed for by alice and bob. */
export async function openTerminal(
  { alice, bob, broker }: Deployment,
  name: string,
  roles: readonly ('admin' | 'approver' | 'auditor')[],
): Promise<Terminal> {
  const home = await mkdtemp(join(tmpdir(), 'countersign-terminal-'));
  const passphrase = join(home, 'passphrase');
  await writeFile(passphrase, 'a passphrase nobody prints\n', { mode: 0o600 });
  const { PATH = '' } = process.env;
  const env = {
    PATH,
    HOME: home,
    COUNTERSIGN_HOME: join(home, 'profiles'),
    COUNTERSIGN_SERVER: broker.url,
    COUNTERSIGN_PASSPHRASE_FILE: passphrase,
  };
  const run = (args: readonly string[], stdin = ''): Promise<Ran> =>
    new Promise((resolve) => {
      const child = execFile(BINARY, [...args], { env, cwd: home }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      });
      child.stdin?.end(stdin);
    });
  const json = async (args: readonly string[], status = 0) => {
    const ran = await run([...args, '--json']);
    if (ran.status !== status) throw new Error(`${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return JSON.parse(ran.stdout);
  };
  const { code } = await alice.client.call('invite', {
    body: { name, roles: [...roles], groups: [] },
  });
  const { human } = await json(['human', 'join', code, '--name', name], 4);
  for (const sponsor of [alice, bob]) await sponsor.sign(human);
  return { home, run, json, close: () => rm(home, { recursive: true, force: true }) };
}
