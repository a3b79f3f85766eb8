/** `keys rotate` stopped at every step, before and after it took effect, and run again. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '@countersign/store';
import { generateSigningKey } from '@countersign/tokens';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readKeks, replaceKeks } from '../src/kek.ts';
import { holdKeks } from '../src/kek-watch.ts';
import { createLogger } from '../src/logger.ts';
import { type KekRotationOptions, rotateKek } from '../src/rotate-kek.ts';
import { begin, type KeysDatabase, newId, startKeysDatabase } from './keys-support.ts';

let database: KeysDatabase;
let directory: string;
let file: string;
/** The operator's own, as the command opens it. */
let store: Store;

beforeAll(async () => {
  database = await startKeysDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-kek-'));
  file = join(directory, 'kek');
  readKeks(file, true);
  await database.empty();
  store = await database.open(readKeks(file, false));
  await begin(store);
  await store.sealedKeys.ensure('ledger', generateSigningKey);
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

function optionsOf(changes: Partial<KekRotationOptions> = {}): KekRotationOptions {
  return {
    keks: store.keks,
    file: { read: () => readKeks(file, false), replace: (keys) => replaceKeks(file, keys) },
    newId,
    dryRun: false,
    leaveForeign: false,
    patience: 0,
    say: () => undefined,
    ...changes,
  };
}

const lines = () => readFileSync(file, 'utf8').trim().split('\n');
const unreachable = () => Promise.reject(new Error('it is there'));

/** What is in the file opens what is in the database: whatever happened, a server can start. */
async function expectOpens(): Promise<void> {
  const started = await database.open(readKeks(file, false));
  await started.sealedKeys.ensure('ledger', unreachable);
  expect((await started.keks.survey()).foreign).toEqual([]);
  await started.close();
}

test('a rotation ends with one new key in the file, and an entry that names both', async () => {
  const [before] = lines();
  const rotation = await rotateKek(optionsOf());
  expect(rotation).toMatchObject({ state: 'done', rows: 1, foreign: [], servers: [] });
  expect(lines()).toHaveLength(1);
  expect(lines()).not.toContain(before);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await expectOpens();
  const [entry] = await store.journal.page({
    after: null,
    limit: 1,
    descending: true,
    types: ['keys.rotated'],
    agent: null,
  });
  const { body } = JSON.parse(Buffer.from(entry?.bytes ?? []).toString('utf8'));
  expect(body).toEqual({ key: 'kek', from: rotation.from, to: rotation.to });
  const old = join(directory, 'old');
  writeFileSync(old, `${before}\n`, { mode: 0o600 });
  await expect(database.open(readKeks(old, false))).rejects.toMatchObject({
    code: 'broker_unavailable',
  });
});

test('a dry run changes neither file nor database', async () => {
  const before = lines();
  expect(await rotateKek(optionsOf({ dryRun: true }))).toMatchObject({ state: 'planned', rows: 1 });
  expect(lines()).toEqual(before);
  expect((await store.journal.head()).size).toBe(1);
});

test('two at once: one of them', async () => {
  const other = await database.open(readKeks(file, false));
  const both = await Promise.allSettled([
    rotateKek(optionsOf()),
    rotateKek(optionsOf({ keks: other.keks })),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(lines()).toHaveLength(1);
  await expectOpens();
  await other.close();
});

/** Every step that changes something, in order. */
const STEPS = ['add', 'changeOver', 'remake', 'remove'] as const;
type Step = (typeof STEPS)[number];

/** Options whose step fails once, before or after it has its effect. */
function stoppedAt(step: Step, when: 'before' | 'after'): KekRotationOptions {
  const options = optionsOf();
  const { keks, file: kekFile } = options;
  const stop = () => new Error('stopped');
  let replaced = 0;
  async function broken<T>(name: Step, work: () => Promise<T>): Promise<T> {
    if (name !== step) return await work();
    if (when === 'before') throw stop();
    await work();
    throw stop();
  }
  return {
    ...options,
    keks: {
      ...keks,
      changeOver: (...given) => broken('changeOver', () => keks.changeOver(...given)),
      remake: (...given) => broken('remake', () => keks.remake(...given)),
    },
    file: {
      read: kekFile.read,
      replace(keys) {
        replaced += 1;
        const isThis = (step === 'add' && replaced === 1) || (step === 'remove' && replaced === 2);
        if (isThis && when === 'before') throw stop();
        kekFile.replace(keys);
        if (isThis) throw stop();
      },
    },
  };
}

describe.each(
  STEPS.flatMap((step) => (['before', 'after'] as const).map((when) => ({ step, when }))),
)('stopped $when $step', ({ step, when }) => {
  test('everything opens, and running it again finishes', async () => {
    const [before] = lines();
    await expect(rotateKek(stoppedAt(step, when))).rejects.toThrow('stopped');
    await expectOpens();
    // Another process, as it would be.
    const again = await database.open(readKeks(file, false));
    expect(await rotateKek(optionsOf({ keks: again.keks }))).toMatchObject({ state: 'done' });
    await again.close();
    expect(lines()).toHaveLength(1);
    expect(lines()).not.toContain(before);
    await expectOpens();
  });
});

describe('a server on another machine', () => {
  let elsewhere: Store;
  let stop: () => Promise<void>;
  let otherFile: string;
  beforeEach(async () => {
    otherFile = join(directory, 'elsewhere');
    writeFileSync(otherFile, readFileSync(file), { mode: 0o600 });
    elsewhere = await database.open(readKeks(otherFile, false));
    stop = await holdKeks(otherFile, elsewhere.keks, createLogger('silent'));
  });
  afterEach(async () => {
    await stop();
    await elsewhere.close();
  });

  test('stands in the way until it has the file, follows it, and is named while it keeps the old key', async () => {
    const waiting = await rotateKek(optionsOf());
    expect(waiting).toMatchObject({ state: 'waiting', servers: [expect.stringMatching(/\/\d+$/)] });
    expect(lines()).toHaveLength(2);
    await expectOpens();
    replaceKeks(otherFile, readKeks(file, false));
    const done = await rotateKek(optionsOf({ patience: 5_000 }));
    expect(done).toMatchObject({ state: 'done', to: waiting.to });
    expect(done.servers).toHaveLength(1);
    replaceKeks(otherFile, readKeks(file, false));
    await expect
      .poll(async () => (await store.keks.replicas()).map(({ keks }) => keks), { timeout: 20_000 })
      .toEqual([[done.to]]);
    await elsewhere.sealedKeys.ensure('ledger', unreachable);
  });

  test('keeps its keys when the file becomes one that does not fit', async () => {
    writeFileSync(otherFile, 'nonsense', { mode: 0o600 });
    writeFileSync(otherFile, `${Buffer.alloc(32, 9).toString('base64')}\n`, { mode: 0o600 });
    await expect(elsewhere.keks.hold(readKeks(otherFile, false))).rejects.toMatchObject({
      code: 'broker_unavailable',
    });
    await elsewhere.sealedKeys.ensure('ledger', unreachable);
    await begin(elsewhere);
  });
});
