/**
 * A hand in the database: superuser of the cluster, without the memory of any process and without the
 * key-encryption key. No edit gains a delete-capable lease, and each that matters is told somewhere.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHOSEN, ROLLED_BACK } from './database-owner/edits.ts';
import type { NamedEdit } from './database-owner/hand.ts';
import { judge } from './database-owner/judge.ts';
import { type Scene, setScene } from './database-owner/scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await setScene();
});
afterAll(() => scene.stop());

/**
 * Whether a server commits between the edit and its end is chance, and so is who meets it and tells of it: that is
 * looked at twice at most. What was gained is never looked at again.
 */
async function leadsTo(...[, expected, edit]: NamedEdit): Promise<void> {
  const first = await judge(scene, edit);
  expect(first.gained, first.said.join('\n')).toEqual([]);
  if (first.outcome === expected) return;
  const { outcome, gained, said } = await judge(scene, edit);
  expect({ outcome, gained }, said.join('\n')).toEqual({ outcome: expected, gained: [] });
}

test('an untouched database is told of by nobody, so that the rest means something', async () => {
  await leadsTo('nothing', 'harmless', async () => undefined);
});

describe.each(Object.entries(CHOSEN))('in the %s', (_, edits) => {
  test.each(edits)('%s: %s', leadsTo);
});

describe('an earlier day', () => {
  test.each(ROLLED_BACK)('%s: %s', async (...[, expected, edit]) => {
    const { outcome, gainedAtRunning, said } = await judge(scene, edit);
    // What stood on that day stands again at a server that starts on it and has no mirror to ask.
    expect({ outcome, gainedAtRunning }, said.join('\n')).toEqual({
      outcome: expected,
      gainedAtRunning: [],
    });
  });
});

test('a hundred edits were chosen, and more', () => {
  expect(Object.values(CHOSEN).flat().length).toBeGreaterThan(100);
});
