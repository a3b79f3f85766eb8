/** A server that speaks S3, from the Python world: moto, which refuses what the real one refuses. */
import { spawn } from 'node:child_process';
import { freePort } from './broker-process.ts';
import { pythonWith } from './python.ts';

export interface S3Server {
  /** Its origin. */
  readonly endpoint: string;
  /** Makes an empty bucket. */
  bucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Null, with the reason on stderr, where Python cannot install it. */
export async function startS3(): Promise<S3Server | null> {
  const python = await pythonWith('moto[server]==5.2.5');
  if (python.missing !== null) {
    process.stderr.write(`no S3 server here: ${python.missing}\n`);
    return null;
  }
  const port = await freePort();
  const child = spawn(python.program('moto_server') ?? '', ['-H', '127.0.0.1', '-p', `${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.once('exit', () => reject(new Error(`moto stopped: ${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('Running on')) resolve();
    });
  });
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    async bucket(name) {
      const made = await fetch(`${endpoint}/${name}`, { method: 'PUT' });
      if (!made.ok) throw new Error(`no bucket: ${made.status}`);
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
