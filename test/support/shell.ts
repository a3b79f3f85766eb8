/** One bash for a whole transcript, so that its variables and background jobs live on between commands. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';

export interface Shell {
  /** Runs one command line; stdout and stderr as they came, and its exit status. */
  run(command: string): Promise<{ readonly output: string; readonly exit: number }>;
  /** Starts something that stays, and resolves once its output matches. */
  service(command: string, ready: RegExp): Promise<string>;
  close(): Promise<void>;
}

export function openShell(options: {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}): Shell {
  const bash = spawn('bash', ['--norc', '--noprofile'], {
    cwd: options.cwd,
    env: options.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const services: { stop(): Promise<void> }[] = [];
  let seen = '';
  let wake: () => void = () => undefined;
  bash.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    wake();
  });
  bash.once('exit', () => wake());
  bash.stdin.write('exec 2>&1\nnpx() { "$@"; }\n');

  async function run(command: string) {
    const mark = `end-${randomUUID()}`;
    // A fresh line before the mark, whatever the command printed last.
    bash.stdin.write(
      `${command}\necho; echo "${mark} $?"\n`.replace('echo; echo', 's=$?; echo; (exit $s); echo'),
    );
    const pattern = new RegExp(`\\n${mark} (\\d+)\\n`);
    for (;;) {
      const found = pattern.exec(seen);
      if (found !== null) {
        const output = seen.slice(0, found.index);
        seen = seen.slice(found.index + found[0].length);
        return { output, exit: Number(found[1]) };
      }
      if (bash.exitCode !== null) throw new Error(`the shell ended: ${seen}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    run,
    async service(command, ready) {
      const child = spawn('bash', ['-c', `exec ${command} 2>&1`], {
        cwd: options.cwd,
        env: options.env,
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      });
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      services.push({
        async stop() {
          if (child.exitCode === null && child.pid !== undefined)
            process.kill(-child.pid, 'SIGTERM');
          await exited;
        },
      });
      let output = '';
      await new Promise<void>((resolve, reject) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          if (ready.test(output)) resolve();
        });
        child.once('exit', () => reject(new Error(`${command} ended: ${output}`)));
      });
      return output;
    },
    async close() {
      bash.stdin.end();
      if (bash.exitCode === null) bash.kill('SIGTERM');
      for (const service of services.reverse()) await service.stop();
    },
  };
}
