/**
 * Which attack is tried where: every case by a short name, with the file and the title of the test that makes
 * it fail, or why nothing can try it yet. A test that is renamed or removed is missed here.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COVERED } from './coverage.ts';

const ROOT = new URL('../../', import.meta.url);
/** A reason is a sentence for whoever wonders, not a shrug. */
const SHORTEST_REASON = 20;

describe.each(Object.entries(COVERED))('%s', (_, cases) => {
  test.each(Object.entries(cases))('%s', (_name, where) => {
    if ('not' in where) {
      expect(where.not.length).toBeGreaterThan(SHORTEST_REASON);
      return;
    }
    const text = readFileSync(new URL(where.file, ROOT), 'utf8');
    for (const title of where.titles) expect(text, where.file).toContain(title);
  });
});
