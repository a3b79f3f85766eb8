/** The page that says what a description is shows one: it holds together, and says what a reviewer would ask for. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compile, lint, tryExamples } from '../src/description/index.ts';

const PAGE = new URL('../../../../docs/reference/catalog-file.md', import.meta.url);

test('the description in the reference compiles, leaves nothing to look at, and is as its example says', async () => {
  const [, text = ''] = /```json\n([\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  const compiled = compile(JSON.parse(text));
  expect(lint(compiled)).toEqual([]);
  const tried = await tryExamples(compiled, compiled.description.examples ?? []);
  expect(tried.map(({ ok }) => ok)).toEqual([true]);
});
