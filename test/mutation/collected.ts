/**
 * What a test file gets when it imports `vitest` and mutants are tried on it: its tests are collected instead of
 * run, so that they can be run again for each mutant without loading a module twice. Only what the tests of
 * these packages use is here; anything else is missing at import, and is seen.
 */
import { format } from 'node:util';

export { expect, vi } from 'vitest';

type Work = () => unknown;

interface Suite {
  readonly name: string;
  readonly around: Suite | null;
  readonly preparations: Work[];
  readonly beforeEach: Work[];
  /** The round it was last prepared for. */
  preparedFor: number;
}

export interface CollectedTest {
  /** File and full name; with a number where a name is there twice. */
  readonly id: string;
  readonly name: string;
  readonly file: string;
  /** Runs it, after what is to be done before all of its suite, once a round. Rejects where it fails. */
  readonly run: (round: number) => Promise<void>;
}

const collected = new Map<string, CollectedTest>();
let present: Suite = suiteOf('', null);
let file = '';

function suiteOf(name: string, around: Suite | null): Suite {
  return { name, around, preparations: [], beforeEach: [], preparedFor: -1 };
}

/** Loads test files, in order. @returns every test in them */
export async function collectFrom(
  files: readonly string[],
): Promise<ReadonlyMap<string, CollectedTest>> {
  for (const each of files) {
    file = each;
    present = suiteOf('', null);
    const failure = await import(each).then(
      () => null,
      (error: unknown) => ({ error }),
    );
    // What a mutant breaks while a file is loaded is noticed as well.
    collect('is loaded', () => {
      if (failure !== null) throw failure.error;
    }, []);
  }
  return collected;
}

export function beforeAll(work: Work): void {
  present.preparations.push(work);
}

/** Never: the same files are run for the next mutant. */
export function afterAll(_work: Work): void {}

export function beforeEach(work: Work): void {
  present.beforeEach.push(work);
}

export const test = Object.assign(
  (name: string, ...given: readonly unknown[]): void => {
    collect(name, workIn(given), []);
  },
  {
    each:
      (cases: readonly unknown[]) =>
      (name: string, ...given: readonly unknown[]): void => {
        for (const args of cases.map(argumentsOf)) collect(titled(name, args), workIn(given), args);
      },
  },
);

export const describe = Object.assign(
  (name: string, work: Work): void => {
    within(name, work, []);
  },
  {
    each:
      (cases: readonly unknown[]) =>
      (name: string, work: (...args: unknown[]) => void): void => {
        for (const args of cases.map(argumentsOf)) within(titled(name, args), work, args);
      },
  },
);

function within(name: string, work: (...args: unknown[]) => unknown, args: readonly unknown[]) {
  const around = present;
  present = suiteOf(name, around);
  work(...args);
  present = around;
}

function collect(
  title: string,
  work: (...args: unknown[]) => unknown,
  args: readonly unknown[],
): void {
  const suite = present;
  const name = [...namesOf(suite), title].join(' > ');
  let id = `${file}#${name}`;
  for (let n = 2; collected.has(id); n += 1) id = `${file}#${name} (${n})`;
  collected.set(id, {
    id,
    name,
    file,
    run: async (round) => {
      await prepare(suite, round);
      for (const first of worksBeforeEach(suite)) await first();
      await work(...args);
    },
  });
}

async function prepare(suite: Suite, round: number): Promise<void> {
  if (suite.around !== null) await prepare(suite.around, round);
  if (suite.preparedFor === round) return;
  suite.preparedFor = round;
  for (const work of suite.preparations) await work();
}

/** Of all that is around it, from the outermost. */
function worksBeforeEach({ beforeEach, around }: Suite): Work[] {
  return around === null ? beforeEach : [...worksBeforeEach(around), ...beforeEach];
}

function namesOf({ name, around }: Suite): string[] {
  return around === null ? [] : [...namesOf(around), name];
}

/** `test(name, work)` and `test(name, options, work)`. */
function workIn(given: readonly unknown[]): (...args: unknown[]) => unknown {
  const work = given.find((each) => typeof each === 'function');
  if (work === undefined) throw new TypeError('A test without anything to do.');
  return (...args) => Reflect.apply(work, undefined, args);
}

function argumentsOf(row: unknown): readonly unknown[] {
  return Array.isArray(row) ? row : [row];
}

function titled(name: string, args: readonly unknown[]): string {
  const places = name.match(/%[sdifjoO]/g)?.length ?? 0;
  return format(name, ...args.slice(0, places));
}
