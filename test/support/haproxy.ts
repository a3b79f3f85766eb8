/** HAProxy in front of real servers, by the very configuration that the documentation tells operators to use. */
import { spawn, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, ROOT } from './broker-process.ts';

/** Debian keeps it where only root's PATH looks. */
const PATH = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`;

/** False where no HAProxy is installed. */
export const HAS_HAPROXY =
  spawnSync('haproxy', ['-v'], { env: { PATH }, stdio: 'ignore' }).status === 0;

export interface Balancer {
  readonly url: string;
  /** How many servers it sends requests to at the moment. */
  serversUp(): Promise<number>;
  /** Resolves when that many are up. */
  untilUp(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** The ```haproxy block of docs/how-to/replicas.md. */
async function documented(): Promise<string> {
  const page = await readFile(join(ROOT, 'docs/how-to/replicas.md'), 'utf8');
  const [, block] = /^```haproxy\n([\s\S]*?)^```$/m.exec(page) ?? [];
  if (block === undefined) throw new Error('the page has no configuration for HAProxy');
  return block;
}

function replaced(text: string, what: RegExp, by: string): string {
  if (!what.test(text)) throw new Error(`the documented configuration has no ${what}`);
  return text.replace(what, by);
}

/** On this machine, without TLS, looking ten times as often; plus a page that says who is up. */
async function configuration(
  port: number,
  statusPort: number,
  servers: readonly number[],
): Promise<string> {
  let text = await documented();
  text = replaced(text, /bind :443 ssl crt \S+/, `bind 127.0.0.1:${port}`);
  text = replaced(text, /inter 1s/, 'inter 100ms');
  text = text.replaceAll(/^ *server .*\n/gm, '');
  const list = servers.map((one, at) => `    server s${at} 127.0.0.1:${one}`).join('\n');
  const status = `frontend status\n    bind 127.0.0.1:${statusPort}\n    stats enable\n    stats uri /`;
  return `${text}${list}\n\n${status}\n`;
}

/** Starts it and waits until it has found every server ready. */
export async function startHaproxy(options: {
  readonly directory: string;
  readonly port: number;
  readonly servers: readonly number[];
}): Promise<Balancer> {
  const { directory, port, servers } = options;
  const statusPort = await freePort();
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, await configuration(port, statusPort, servers));
  const child = spawn('haproxy', ['-db', '-f', file], {
    env: { PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  async function serversUp(): Promise<number> {
    const page = await fetch(`http://127.0.0.1:${statusPort}/;csv`);
    const rows = (await page.text()).split('\n').map((line) => line.split(','));
    const status = rows[0]?.indexOf('status') ?? -1;
    return rows
      .filter((row) => row[0] === 'replicas' && /^s\d/.test(row[1] ?? ''))
      .filter((row) => row[status] === 'UP').length;
  }

  async function untilUp(count: number): Promise<void> {
    for (let look = 0; look < 1_200; look += 1) {
      if (child.exitCode !== null) throw new Error(`haproxy stopped: ${said}`);
      if ((await serversUp().catch(() => -1)) === count) return;
      await delay(50);
    }
    throw new Error(`haproxy never found ${count} servers up: ${said}`);
  }

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    await exited;
  }
  try {
    await untilUp(servers.length);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://localhost:${port}`, serversUp, untilUp, stop };
}
