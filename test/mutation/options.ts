/** What `npm run test:mutation -- …` takes. */
import { parseArgs } from 'node:util';

/** The packages whose laws a changed line must not leave standing, and the score each keeps, in percent. */
export const PACKAGES = {
  authority: 90,
  policy: 90,
  ledger: 80,
  tokens: 80,
  verify: 80,
} as const;

export interface Options {
  readonly package: keyof typeof PACKAGES;
  /** Files under the package's `src`, as globs; empty: all. */
  readonly files: readonly string[];
  /** Only what changed since the last run, in code or tests. */
  readonly changed: boolean;
  readonly workers: number;
}

export const USAGE = `npm run test:mutation -- --package NAME [options] [FILES under its src]

  --package NAME  ${Object.keys(PACKAGES).join(', ')}
  --changed       only mutants whose code or tests changed since the last run
  --workers N     at once (default 1)

Example: npm run test:mutation -- --package authority requirement.ts 'describe*.ts'`;

/** @throws TypeError with what is wrong with an option */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      package: { type: 'string', default: '' },
      changed: { type: 'boolean', default: false },
      workers: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (!isPackage(values.package)) {
    throw new TypeError(`--package is one of ${Object.keys(PACKAGES).join(', ')}.`);
  }
  if (!/^[1-9]\d?$/.test(values.workers)) {
    throw new TypeError('--workers takes a whole number from 1.');
  }
  return {
    package: values.package,
    files: positionals,
    changed: values.changed,
    workers: Number(values.workers),
  };
}

function isPackage(name: string): name is keyof typeof PACKAGES {
  return Object.hasOwn(PACKAGES, name);
}
