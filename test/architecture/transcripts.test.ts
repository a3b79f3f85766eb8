/** The pages that are run: read as they are meant, and day two tells nobody to type what was never tried. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../support/broker-process.ts';
import { actsOf, filledIn, firstMissing } from '../support/transcript.ts';

const TRANSCRIPTS = join(ROOT, 'docs', 'transcripts');
const TESTS = join(ROOT, 'test', 'e2e', 'days');
const pages = readdirSync(TRANSCRIPTS).filter((name) => name !== 'README.md');

describe('a transcript', () => {
  const PAGE = [
    '# A page',
    '## First',
    'Words.',
    '```console',
    '# a remark',
    'alice$ countersign sign <grant> \\',
    '    --json   # exit 4: waiting',
    'waiting: … of 2',
    '# 72 hours later, and some words',
    'new-laptop$ countersign pending',
    '```',
    '## Only words',
    '```sh',
    'countersign genesis',
    '```',
  ];

  test('is what was typed, at which terminal, with what it shows, and the time that went by', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'countersign-page-')), 'page.md');
    await writeFile(file, PAGE.join('\n'));
    expect(actsOf(file)).toEqual([
      {
        title: 'First',
        steps: [
          {
            kind: 'typed',
            terminal: 'alice',
            command: 'countersign sign <grant> \\\n    --json',
            exit: 4,
            shows: ['waiting: … of 2'],
            line: 6,
          },
          { kind: 'later', seconds: 259_200, line: 9 },
          {
            kind: 'typed',
            terminal: 'new-laptop',
            command: 'countersign pending',
            exit: 0,
            shows: [],
            line: 10,
          },
        ],
      },
    ]);
  });

  test('learns what it could not know, and holds it to that', () => {
    const learned = new Map<string, string>();
    const shows = ['runs: sign <id>', '<spoken…>'];
    expect(firstMissing(shows, 'x\n  runs:  sign 01-a\n\n abcd  efgh\n', learned)).toBeNull();
    expect(filledIn('sign <id> "<spoken>"', learned)).toBe('sign 01-a "abcd efgh"');
    expect(firstMissing(['runs: sign <id>'], 'runs: sign 02-b', learned)).toBe('runs: sign <id>');
    expect(() => filledIn('<other>', learned)).toThrow('<other> was shown by no earlier command');
  });

  test.each([
    ['a line that was not printed', ['a', 'c'], 'a\nb'],
    ['another order', ['b', 'a'], 'a\nb'],
    ['only a part of a line', ['a'], 'a b'],
    ['a sign that means something else in patterns', ['a.c'], 'abc'],
  ])('is not what shows %s', (_, shows, output) => {
    expect(firstMissing(shows, output, new Map())).not.toBeNull();
  });

  test('is run, each of them', () => {
    const told = readdirSync(TESTS).map((name) => name.replace(/\.test\.ts$/, '.md'));
    expect(told.sort()).toEqual(pages.toSorted());
  });
});

/** Words that say which command it is, and its options; what is given to them is left out. */
function shapeOf(command: string): string {
  const words = command
    .replaceAll(/"[^"]*"/g, 'TEXT')
    .replaceAll('\\\n', ' ')
    .split(/\s+/)
    .filter((word) => word !== '');
  const at = words.indexOf('countersign');
  const path = words.slice(at + 1, at + 4).filter((word) => KNOWN.has(word));
  const options = words.filter((word) => /^--[a-z]/.test(word) && !ELSEWHERE.has(word));
  return [...path, ...[...new Set(options)].sort()].join(' ');
}

/** Nouns and verbs; a name or an id is none of them. */
const KNOWN = new Set(
  'human key add list revoke recover remove invite join set sign reject freeze unfreeze freezes pending env grant propose agent credential keygen keys rotate connection check show request'.split(
    ' ',
  ),
);
/** Said of a machine, not of what is done. */
const ELSEWHERE = new Set(['--broker', '--profile', '--server']);

/** Headings of day two that tell a story, and what they tell to type. */
function toldOnDayTwo(): [heading: string, shape: string][] {
  const text = readFileSync(join(ROOT, 'docs', 'how-to', 'day-two.md'), 'utf8');
  return text
    .split(/^## /m)
    .filter((section) => section.includes('[As it happened]'))
    .flatMap((section) => {
      const [heading = ''] = section.split('\n');
      const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(
        ([, block = '']) => block,
      );
      return blocks
        .join('')
        .replaceAll('\\\n', ' ')
        .split('\n')
        .filter((line) => line.startsWith('countersign '))
        .map((line): [string, string] => [heading, shapeOf(line.split(/ +# /)[0] ?? '')]);
    });
}

describe('day two', () => {
  const typed = new Set(
    pages
      .flatMap((page) => actsOf(join(TRANSCRIPTS, page)))
      .flatMap(({ steps }) => steps)
      .flatMap((step) => (step.kind === 'typed' ? [shapeOf(step.command)] : [])),
  );

  test.each(toldOnDayTwo())('%s: %s was really typed', (_, shape) => {
    expect([...typed]).toContain(shape);
  });
});
