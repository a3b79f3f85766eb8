/**
 * Stryker's test runner for packages without I/O: the tests are loaded once, and run again and again in the same
 * process with one mutant after the other. To start anew for each, as the runner for Vitest does, takes a hundred
 * times as long. What one mutant leaves behind cannot count against the next: a test that caught a mutant must
 * pass without it at once, else all of it is tried once more in a new process.
 */
import { readdirSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type {
  InstrumenterContext,
  MutantCoverage,
  StrykerOptions,
} from '@stryker-mutator/api/core';
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import {
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import fc from 'fast-check';
import { type CollectedTest, collectFrom } from './collected.ts';

declare global {
  var __stryker__: InstrumenterContext | undefined;
}

/** Whole histories drawn at random take long, and what only chance finds is no specification. */
const LEFT_OUT = '.property.test.ts';
/** Milliseconds for which a test may wait while nothing runs. Nothing here waits for anything but a thread of this process. */
const STILL = 20_000;
/** Hits from which a mutant is endless where Stryker sets no limit, as for what runs at import. No test comes near it. */
const MOST_HITS = 5_000_000;

class InProcessRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options);
  readonly #folder: string;
  #tests: ReadonlyMap<string, CollectedTest> | null = null;
  /** The latest that caught one, the last first. */
  #catchers: readonly CollectedTest[] = [];
  #round = 0;
  /** What was thrown where nobody waited for it. */
  #stray: { readonly error: unknown } | null = null;

  constructor(options: StrykerOptions) {
    this.#folder = resolve(String(options['testFolder']));
  }

  /** A module that was loaded stays loaded: mutants of what runs at import each take a new process. */
  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    const stand = new URL('collected.ts', import.meta.url).href;
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === 'vitest' && context.parentURL !== stand
          ? { url: stand, shortCircuit: true }
          : next(specifier, context),
    });
    // Drawn the same each time, so that whether a mutant is caught is no matter of luck.
    fc.configureGlobal({ seed: 20_261_120, endOnFailure: true });
    process.on('unhandledRejection', (error) => {
      this.#stray = { error };
    });
  }

  async dryRun(): Promise<DryRunResult> {
    const mutantCoverage: MutantCoverage = { static: {}, perTest: {} };
    const instrumented = context();
    instrumented.mutantCoverage = mutantCoverage;
    const tests: TestResult[] = [];
    for (const test of (await this.#load()).values()) {
      instrumented.currentTestId = test.id;
      tests.push(await this.#run(test));
    }
    delete instrumented.currentTestId;
    return { status: DryRunStatus.Complete, tests, mutantCoverage };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, mutantActivation, testFilter } = options;
    const hitLimit = options.hitLimit ?? MOST_HITS;
    const instrumented = context();
    const endlessIfCut = () => determineHitLimitReached(instrumented.hitCount, hitLimit);
    if (mutantActivation === 'static') instrumented.activeMutant = activeMutant.id;
    Object.assign(instrumented, { hitCount: 0, hitLimit });
    let known: ReadonlyMap<string, CollectedTest>;
    try {
      known = await this.#load();
    } catch (error) {
      // What is instrumented throws where its hits are used up.
      const endless = endlessIfCut();
      if (endless === undefined) throw error;
      return toMutantRunResult(endless);
    }
    instrumented.activeMutant = activeMutant.id;
    this.#round += 1;
    const tests: TestResult[] = [];
    const asked = testFilter === undefined ? null : new Set(testFilter);
    // What caught a mutant a moment ago is likely to catch its neighbour.
    for (const test of new Set([...this.#catchers, ...known.values()])) {
      if (asked?.has(test.id) === false) continue;
      const result = await this.#run(test);
      tests.push(result);
      if (result.status !== TestStatus.Failed) continue;
      this.#catchers = [test, ...this.#catchers.filter((other) => other !== test)].slice(0, 20);
      if (mutantActivation === 'runtime') await this.#requirePassing(test);
      break;
    }
    return toMutantRunResult(endlessIfCut() ?? { status: DryRunStatus.Complete, tests });
  }

  async #requirePassing(test: CollectedTest): Promise<void> {
    const { activeMutant } = context();
    delete context().activeMutant;
    this.#round += 1;
    const result = await this.#run(test);
    if (result.status === TestStatus.Failed) {
      throw new Error(`${test.name} fails without the mutant ${activeMutant}, too.`);
    }
  }

  async #load(): Promise<ReadonlyMap<string, CollectedTest>> {
    this.#tests ??= await collectFrom(
      readdirSync(this.#folder)
        .filter((name) => name.endsWith('.test.ts') && !name.endsWith(LEFT_OUT))
        .sort()
        .map((name) => pathToFileURL(join(this.#folder, name)).href),
    );
    return this.#tests;
  }

  async #run(test: CollectedTest): Promise<TestResult> {
    const started = performance.now();
    const stillness = watchForStillness();
    const thrown = await Promise.race([test.run(this.#round), stillness.comes]).then(
      () => this.#stray,
      // Whatever it is, `undefined` too.
      (error: unknown) => ({ error }),
    );
    stillness.end();
    this.#stray = null;
    const found = { id: test.id, name: test.name, timeSpentMs: performance.now() - started };
    return thrown === null
      ? { ...found, status: TestStatus.Success }
      : { ...found, status: TestStatus.Failed, failureMessage: String(thrown.error) };
  }
}

/** Not by the clock alone: on a busy machine a loop that has work is slow, and one that has none is still. */
function watchForStillness(): { readonly comes: Promise<never>; end(): void } {
  let timer: NodeJS.Timeout | undefined;
  const comes = new Promise<never>((_, reject) => {
    const watch = (): void => {
      const before = performance.eventLoopUtilization();
      timer = setTimeout(() => {
        const { active } = performance.eventLoopUtilization(before);
        if (active < STILL / 100) reject(new Error('It waits for what never comes.'));
        else watch();
      }, STILL);
    };
    watch();
  });
  return { comes, end: () => clearTimeout(timer) };
}

/** Where the instrumented code asks which mutant is active, and says what it passes. */
function context(): InstrumenterContext {
  globalThis.__stryker__ ??= {};
  return globalThis.__stryker__;
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'in-process', InProcessRunner),
];
