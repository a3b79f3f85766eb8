/** The agent's script as a process, in a directory where somebody left a token, and what it says line by line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('agent.ts', import.meta.url));
/** The file in which the incident's token lay was one for domains. */
export const STRAY_FILE = 'domains.env';

export interface AgentRun {
  /** Its next lines, up to and with the first that matches, or to its end. */
  until(pattern: RegExp | null): AsyncGenerator<string>;
  /** Resolves to its exit status. */
  readonly exited: Promise<number | null>;
  /** Milliseconds from its start to its end; null while it runs. */
  lasted(): number | null;
  kill(): void;
}

/** @param env what differs between one run of it and another */
export async function runAgent(
  directory: string,
  stray: string,
  env: Readonly<Record<string, string>>,
): Promise<AgentRun> {
  await mkdir(directory, { recursive: true });
  const made = `# for the script that sets up domains\nRAILWAY_API_TOKEN=${stray}\n`;
  await writeFile(join(directory, STRAY_FILE), made, { mode: 0o600 });
  const began = performance.now();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SCRIPT], {
    cwd: directory,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let lasted: number | null = null;
  const exited = once(child, 'exit').then(([status]: (number | null)[]) => {
    lasted = performance.now() - began;
    return status ?? null;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    exited,
    lasted: () => lasted,
    kill: () => void child.kill('SIGKILL'),
    async *until(pattern) {
      for (;;) {
        const { done, value } = await lines.next();
        if (done === true) return;
        yield value;
        if (pattern?.test(value) === true) return;
      }
    },
  };
}
