/** The real server as a process of its own, the way `npm start` runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface BrokerProcess {
  readonly url: string;
  readonly port: number;
  readonly genesisCode: string | null;
  readonly process: ChildProcess;
  /** Everything it wrote so far; searched by tests for secrets that must not be there. */
  output(): string;
  /** SIGTERM, then its exit status. */
  stop(): Promise<number | null>;
  /** SIGKILL: a crash. */
  kill(): Promise<void>;
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}

/** Starts and waits until it said that it listens; rejects with what it printed when it stops instead. */
export async function startBroker(options: {
  readonly dataDir: string;
  readonly port?: number;
  readonly issuer?: string;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<BrokerProcess> {
  const port = options.port ?? (await freePort());
  const child = spawn(join(ROOT, 'apps/server/bin/countersign-server'), [], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      HOME: options.dataDir,
      PORT: String(port),
      COUNTERSIGN_DATA_DIR: options.dataDir,
      // Nobody waits for a load balancer that is not there.
      COUNTERSIGN_DRAIN_SECONDS: '0',
      ...(options.issuer === undefined ? {} : { COUNTERSIGN_ISSUER: options.issuer }),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (status) =>
      reject(new Error(`the server stopped (${status}): ${stdout}${stderr}`)),
    );
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      // Its first line comes before the genesis code in the same write; the listener is open by then.
      if (/^Countersign .*\n(Genesis code: .*\n.*\n)?$/m.test(stdout)) resolve();
    });
  });
  return {
    url: `http://localhost:${port}`,
    port,
    genesisCode: /^Genesis code: (\S+)$/m.exec(stdout)?.[1] ?? null,
    process: child,
    output: () => stdout + stderr,
    async stop() {
      child.kill('SIGTERM');
      return await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
