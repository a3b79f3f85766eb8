/** What every mirror does, whatever it is kept in. */
import { randomUUID } from 'node:crypto';
import type { Mirror } from '@countersign/broker';
import { describe, expect, it } from 'vitest';

const text = (words: string): Uint8Array => Buffer.from(words);

/**
 * @param open the same place, as another server opens it; null where it cannot be had here
 * @param isAtomic false where a stand-in looks and then writes
 */
export function itMirrors(what: string, open: () => Mirror | null, isAtomic = true): void {
  describe(`a mirror in ${what}`, () => {
    const twoServers = (): [Mirror, Mirror, string] | null => {
      const [one, other] = [open(), open()];
      return one === null || other === null ? null : [one, other, `${randomUUID()}/`];
    };

    it('gives back what was put, at another server too', async ({ skip }) => {
      const [one, other, at] = twoServers() ?? skip('not available here');
      expect(await one.put(`${at}a`, text('first'))).toBe('stored');
      expect(Buffer.from((await other.get(`${at}a`)) ?? []).toString()).toBe('first');
      expect(await other.get(`${at}b`)).toBeNull();
    });

    it('keeps what is there: the same twice is no error, another is told and stays out', async ({
      skip,
    }) => {
      const [one, other, at] = twoServers() ?? skip('not available here');
      await one.put(`${at}a`, text('first'));
      expect(await other.put(`${at}a`, text('first'))).toBe('same');
      expect(await other.put(`${at}a`, text('other'))).toBe('different');
      expect(await other.put(`${at}a`, text(''))).toBe('different');
      expect(Buffer.from((await one.get(`${at}a`)) ?? []).toString()).toBe('first');
    });

    it.runIf(isAtomic)('stores one of many that come at once under one name', async ({ skip }) => {
      const [one, other, at] = twoServers() ?? skip('not available here');
      const puts = Array.from({ length: 12 }, (_, i) =>
        (i % 2 === 0 ? one : other).put(`${at}a`, text(`writer ${i % 3}`)),
      );
      const outcomes = await Promise.all(puts);
      expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'same')).toHaveLength(3);
      expect(outcomes.filter((outcome) => outcome === 'different')).toHaveLength(8);
    });

    it('lists names in order, beyond one, so many of them, and of one folder only', async ({
      skip,
    }) => {
      const [one, other, at] = twoServers() ?? skip('not available here');
      for (const name of ['a/03', 'a/01', 'a/02', 'a/10', 'b/01']) {
        await one.put(`${at}${name}`, text(name));
      }
      const list = async (prefix: string, after: string | null, limit: number) =>
        (await other.list(`${at}${prefix}`, { after: after && `${at}${after}`, limit })).map(
          (name) => name.slice(at.length),
        );
      expect(await list('a/', null, 1000)).toEqual(['a/01', 'a/02', 'a/03', 'a/10']);
      expect(await list('a/', null, 1)).toEqual(['a/01']);
      expect(await list('a/', 'a/02', 1000)).toEqual(['a/03', 'a/10']);
      expect(await list('a/', 'a/021', 1)).toEqual(['a/03']);
      expect(await list('a/', 'a/10', 1000)).toEqual([]);
      expect(await list('c/', null, 1000)).toEqual([]);
    });
  });
}
