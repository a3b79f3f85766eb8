/** What runs here: the broker itself, and databases to try it on. Loaded only when asked for. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-status.ts';
import { type Act, type Registrar, verb } from '../registrar.ts';

export function addServer(program: Registrar): void {
  verb(
    program,
    {
      usage: 'serve',
      summary: 'Run the broker: with an embedded PostgreSQL unless DATABASE_URL is set.',
      example: 'PORT=8420 countersign serve',
    },
    serve,
  );
  verb(
    program,
    {
      usage: 'playground',
      summary: 'Run a sample PostgreSQL with bookings in staging and production.',
      example: 'countersign playground',
    },
    playground,
  ).option('--dir <directory>', 'where it lives (left out: the data directory)');
}

const serve: Act = async (context) => {
  const server = await import('@countersign/server');
  await server.serve(context.env);
  // It says itself why a start failed, and leaves its status here.
  return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
};

const playground: Act = async (context, given) => {
  const { startPlayground } = await import('@countersign/server');
  const directory = given.text('dir') ?? join(dataDirectory(context), 'playground');
  const running = await context.out.progress(
    'building the playground',
    startPlayground({ directory, log: quietLog(context) }),
  );
  const { connections } = running;
  context.out.raw(`${JSON.stringify({ connections }, null, context.out.json ? 0 : 2)}\n`);
  if (!context.out.json) {
    context.out.note('Running until interrupted. Add its databases with:');
    for (const { name, provider, config_file, secret_file } of connections) {
      context.out.note(
        `  countersign connection add ${name} --provider ${provider} --config ${config_file} --secret-file ${secret_file}`,
      );
    }
  }
  await interrupted();
  await running.stop();
  return EXIT.done;
};

/** Where the server keeps its own, so that both are found and removed together. */
function dataDirectory({ env }: Context): string {
  const xdg = env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');
  return env['COUNTERSIGN_DATA_DIR'] || join(xdg, 'countersign');
}

/** Only what went wrong is worth a line. */
function quietLog(context: Context) {
  return {
    info: () => undefined,
    warn: (_fields: object, message: string) => context.out.note(`warning: ${message}`),
  };
}

async function interrupted(): Promise<void> {
  // A pending promise keeps no process alive; the timer does.
  const alive = setInterval(() => undefined, 1 << 30);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve());
  });
  clearInterval(alive);
}
