/** Law 3: whatever the most lenient reader of a body finds in it, it was judged by, or it was not sent. */
import { RequestRefusal } from '@countersign/provider-kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeRequest } from '../src/classify.ts';
import { compile } from '../src/description/index.ts';
import { inbound } from './support/tasks.ts';

const BASE = 'https://api.words.example';

const described = (ways: object) =>
  compile({
    version: 1,
    name: 'words',
    title: 'Words',
    base: BASE,
    credential: { header: 'authorization' },
    places: {},
    operations: [
      {
        name: 'change',
        request: 'POST /it',
        effect: 'write',
        summary: 'Change it.',
        resource: 'it',
        place: null,
        body: { type: 'json', keys: 'any', list: true },
        when: [
          { name: 'end', effect: 'delete', summary: 'End it.', at: '{body:/how/to_end}', ...ways },
        ],
      },
    ],
  });

const ENDS = [true, 'true', 'TRUE', 'yes', 'false', 1, '1', 2, {}, ['x']];
const HARMLESS = [false, null];
const NAMES = [
  'how',
  'How',
  'HOW',
  'how[]',
  'h\uff4fw',
  'to_end',
  'toEnd',
  'TO-END',
  'to_end[a]',
  'x',
];

const leaf = fc.constantFrom(...ENDS, ...HARMLESS);
const body = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaf, tie('object'), fc.array(tie('value'), { maxLength: 2 })),
  object: fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 3 }),
})).object;

const folded = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\[.*$/s, '')
    .replace(/[^a-z]/g, '');

/** What somebody finds there who folds names, looks through lists, and takes what is there for true. */
function ends(value: unknown, path: readonly string[]): boolean {
  if (Array.isArray(value)) return value.some((each: unknown) => ends(each, path));
  const [wanted, ...rest] = path;
  if (wanted === undefined) return value !== false && value !== null && value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, each]) => folded(name) === wanted && ends(each, rest));
}

test.each([
  ['unless it is what is harmless', { unless: [false] }],
  ['where it is what destroys, or of another type', { is: [true] }],
  ['where there is anything', { present: true }],
])('a condition holds %s, however it is written', (_name, ways) => {
  const compiled = described(ways);
  const asked = { found: 0, passed: 0 };
  fc.assert(
    fc.property(fc.oneof(body, fc.array(body, { maxLength: 3 })), (document) => {
      let operations: readonly string[];
      try {
        operations = judgeRequest(compiled, BASE, inbound('POST /it', document)).calls.map(
          ({ operation }) => operation,
        );
      } catch (error) {
        expect(error).toBeInstanceOf(RequestRefusal);
        return;
      }
      const isFound = ends(document, ['how', 'toend']);
      if (isFound) asked.found += 1;
      else asked.passed += 1;
      if (isFound) expect(operations, JSON.stringify(document)).toContain('words:end');
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(asked.found, asked.passed)).toBeGreaterThan(50);
});
