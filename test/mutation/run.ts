/**
 * `npm run test:mutation`: each line of a package changed in every way that Stryker knows, and the package's own
 * tests held against it. A mutant that survives is a line that no test asks for.
 */
import { fileURLToPath } from 'node:url';
import { Stryker } from '@stryker-mutator/core';
import { runTyped } from '../support/typed-command.ts';
import { type Options, PACKAGES, readOptions, USAGE } from './options.ts';

/** Writes `reports/mutation/<package>/`; a score below the package's own fails. */
async function mutate({ package: name, files, changed, workers }: Options): Promise<number> {
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
  // Stryker says there that the score is too low.
  return Number(process.exitCode ?? 0);
}

const command = { usage: USAGE, read: readOptions, run: mutate };
process.exitCode = await runTyped(command, process.argv.slice(2));
