import { describe, expect, test } from 'vitest';
import { FINDING_IDS, findingWords, foundAbout, foundOpen, inOrder } from '../src/index.ts';

describe('every finding', () => {
  test.each(FINDING_IDS.map((id) => [id]))('%s has words, and something that closes it', (id) => {
    for (const subjects of [[], ['one'], Array.from({ length: 9 }, (_, i) => `n${i}`)]) {
      const { what, close } = findingWords({ id, subjects });
      expect(what).toMatch(/^[A-Z\d].*[.:!]/s);
      expect(close).not.toBe('');
      expect(what + close).not.toContain('undefined');
      expect(what).not.toContain('n7');
    }
  });
});

describe('findings', () => {
  test('stand in the order of the closed list, each once', () => {
    const [mirror, skew] = [foundOpen(true, 'no_mirror'), foundAbout('clock_skew', ['2000'])];
    expect(inOrder([...skew, ...mirror, ...skew])).toEqual([...mirror, ...skew]);
  });

  test('are none where nothing is open, or nobody is concerned', () => {
    expect([...foundOpen(false, 'no_mirror'), ...foundAbout('client_secrets', [])]).toEqual([]);
  });
});
