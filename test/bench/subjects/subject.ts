/** Something that answers token requests, in a process of its own, and how to ask it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { ROOT } from '../../support/broker-process.ts';
import type { Answer } from '../keep-alive.ts';

/** One kind of request, and what answering it looks like. */
export interface Ask {
  next(): Buffer;
  /** False for a refusal to take on more. @throws Error when the answer is no answer to this */
  check(answer: Answer): boolean;
}

export interface Subject {
  readonly name: string;
  readonly ports: readonly number[];
  readonly pids: readonly number[];
  readonly issue: Ask;
  stop(): Promise<void>;
}

export function expectStatus(status: number): Ask['check'] {
  return (answer) => {
    if (answer.status === status) return true;
    if (answer.status === 503) return false;
    throw new Error(`answered ${answer.status}: ${answer.body.toString('utf8').slice(0, 300)}`);
  };
}

/** MiB of resident memory that a process held at most so far. Linux only: elsewhere not a number. */
export function peakMemory(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return Number.NaN;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(file, 'utf8'))?.[1]) / 1024;
}

export interface Spawned {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a script of this folder and waits for its first line. @throws Error with what it said instead */
export async function spawnServer(
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<Spawned> {
  const child: ChildProcess = spawn('node_modules/.bin/node', [`test/bench/subjects/${script}`], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-4000);
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => reject(new Error(`${script} stopped: ${said}`)));
  });
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
