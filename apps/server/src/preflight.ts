/** What can be known to fail before anything is made: a start that must stop leaves nothing behind. */
import { accessSync, constants, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { type Config, ConfigError, shown } from './config.ts';

/** @throws ConfigError */
export async function preflight(config: Config): Promise<void> {
  if (config.databaseUrl === null) requireRoom(config.dataDir);
  await requirePort(config);
}

/** The data directory, or where it would be made, can be written to. */
function requireRoom(dataDir: string): void {
  for (let directory = dataDir; ; directory = dirname(directory)) {
    try {
      if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
      accessSync(directory, constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (missing && dirname(directory) !== directory) continue;
      throw new ConfigError(
        'COUNTERSIGN_DATA_DIR',
        `is ${shown(dataDir)}, and ${shown(directory)} is no directory this process may write to. Name another.`,
      );
    }
  }
}

/** Another process may still take it afterwards; then the listener itself says so. */
async function requirePort({ host, port }: Config): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => reject(unlistenable(error, host, port)));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** Why there can be no listener, by the variable that would change it; anything else as it came. */
export function unlistenable(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EADDRINUSE':
      return new ConfigError(
        'PORT',
        `is ${port}, which is in use on ${host}. Stop the other process, or set another one.`,
      );
    case 'EACCES':
      return new ConfigError(
        'PORT',
        `is ${port}, which this user may not listen on. Set one above 1023.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAFNOSUPPORT':
      return new ConfigError('HOST', `is ${host}, which is no address of this machine.`);
    default:
      return error;
  }
}
