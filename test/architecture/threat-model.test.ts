/** What the threat model says a test shows, that test says of itself: by path and title, or the page is wrong. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8');

/** Every test that a text names: `- [`path`](…): “title” · “title”`. */
function named(text: string): [path: string, title: string][] {
  return [...text.matchAll(/^- \[`([^`]+\.test\.ts)`\]\([^)]*\): (.*(?:\n {2}.*)*)/gm)].flatMap(
    ([, path = '', titles = '']) =>
      [...titles.replaceAll(/\s+/g, ' ').matchAll(/“([^”]+)”/g)].map(
        ([, title = '']): [string, string] => [path, title],
      ),
  );
}

/** Titles in a test file: the first argument of a test, written as a string. */
function titlesIn(path: string): string[] {
  const file = join(ROOT, path);
  if (!existsSync(file)) return [];
  const calls = /(?:\b(?:test|it)(?:\.\w+)*|[\])>])\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs;
  return [...readFileSync(file, 'utf8').matchAll(calls)].map(([, , title = '']) =>
    title.replaceAll(/\\(.)/g, '$1'),
  );
}

describe('the threat model', () => {
  test.each(named(page))('%s: %s', (path, title) => {
    expect(titlesIn(path)).toContain(title);
  });

  test('names tests under every attacker', () => {
    const attackers = page.split(/^## /m).slice(1);
    for (const attacker of attackers) {
      const [heading = ''] = attacker.split('\n');
      if (heading === 'What is not defended') continue;
      expect([heading, named(attacker).length > 0]).toEqual([heading, true]);
      for (const part of ['**At most:**', '**Not:**', '**Stopped by:**']) {
        expect(attacker).toContain(part);
      }
    }
    expect(attackers.length).toBeGreaterThan(8);
  });

  test('names, of the attacks that are tests, every file but those of malformed input', () => {
    const told = new Set(named(page).map(([path]) => path));
    const untold = readdirSync(join(ROOT, 'test/attacks'))
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `test/attacks/${file}`)
      .filter((path) => !told.has(path));
    expect(untold).toEqual([
      'test/attacks/bad-input.test.ts',
      'test/attacks/coverage.test.ts',
      'test/attacks/schema-changes-crash.test.ts',
    ]);
  });

  test('a test that does not exist would be found', () => {
    const planted =
      '- [`test/attacks/approval.test.ts`](x): “nobody wrote this” · “a second\n  key”\n- [`no.test.ts`](x): “a”';
    expect(named(planted)).toEqual([
      ['test/attacks/approval.test.ts', 'nobody wrote this'],
      ['test/attacks/approval.test.ts', 'a second key'],
      ['no.test.ts', 'a'],
    ]);
    expect(titlesIn('test/attacks/approval.test.ts')).not.toContain('nobody wrote this');
    expect(titlesIn('no.test.ts')).toEqual([]);
    expect(titlesIn('test/attacks/approval.test.ts').length).toBeGreaterThan(10);
  });
});
