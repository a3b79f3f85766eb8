import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/** One run over every package: unit and law tests beside their package, everything that crosses packages in test/. */
export default defineConfig({
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'packages/providers/*/test/**/*.test.ts',
      'apps/*/test/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    reporters: ['default', ['json', { outputFile: 'reports/vitest.json' }]],
    globalSetup: './test/support/scratch.ts',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Each file takes what it needs of modules that others have loaded; what it changes in them it puts back.
    isolate: false,
    // Much of the time goes into waiting for processes and databases.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
  },
});
