/**
 * `npm run test:mutation`: each line of a package changed in every way that Stryker knows, and the package's own
 * tests held against it. A mutant that survives is a line that no test asks for.
 */
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import { type Options, PACKAGES, readOptions, USAGE } from './options.ts';

async function main(args: readonly string[]): Promise<number> {
  let options: Options | 'help';
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'unknown'}\n\n${USAGE}\n`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  await mutate(options);
  return Number(process.exitCode ?? 0);
}

/** Writes `reports/mutation/<package>/`; a score below the package's own fails. */
async function mutate({ package: name, files, changed, workers }: Options): Promise<void> {
  const reports = `reports/mutation/${name}`;
  const chosen = files.length === 0 ? ['**/*.ts'] : files;
  const stryker = new Stryker({
    mutate: chosen.map((file) => `packages/${name}/src/${file}`),
    plugins: [fileURLToPath(new URL('runner.ts', import.meta.url))],
    testRunner: 'in-process',
    ...{ testFolder: `packages/${name}/test` },
    warnings: {
      unknownOptions: false,
      preprocessorErrors: true,
      unserializableOptions: true,
      slow: true,
    },
    coverageAnalysis: 'perTest',
    concurrency: workers,
    // Node strips the types; what reads configurations here cannot read TypeScript 7's.
    tsconfigFile: 'none.json',
    disableTypeChecks: false,
    ignorePatterns: ['/reports', '.turbo'],
    tempDirName: 'reports/mutation/.tmp',
    // Endless loops are cut by how often they turn; by the clock only what a busy machine cannot explain.
    timeoutMS: 1_800_000,
    timeoutFactor: 5,
    dryRunTimeoutMinutes: 30,
    incremental: true,
    incrementalFile: `${reports}/incremental.json`,
    force: !changed,
    reporters: ['clear-text', 'html', 'json', 'progress-append-only'],
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
    htmlReporter: { fileName: `${reports}/index.html` },
    jsonReporter: { fileName: `${reports}/mutants.json` },
    thresholds: { high: 100, low: PACKAGES[name], break: PACKAGES[name] },
  });
  await stryker.runMutationTest();
}

process.exitCode = await main(process.argv.slice(2));
