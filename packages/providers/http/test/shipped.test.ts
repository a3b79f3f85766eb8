/** What ships holds together: it compiles, its examples are as expected, and nothing in it is milder than it sounds. */
import { isDeleteCapable } from '@countersign/core';
import { describe, expect, test } from 'vitest';
import { compile, Description, lint, tryExamples } from '../src/description/index.ts';
import { readShipped, shippedNames } from '../src/shipped.ts';

test('there are some, and each is called what its file is', () => {
  expect(shippedNames().length).toBeGreaterThan(0);
  expect(readShipped('nobody')).toBeUndefined();
  expect(readShipped('../package')).toBeUndefined();
});

describe.each(shippedNames())('the description of %s', (name) => {
  const compiled = compile(readShipped(name));
  const { description } = compiled;

  test('says where it was taken from, and goes to one host', () => {
    expect(description.name).toBe(name);
    expect(description.source?.length ?? 0).toBeGreaterThan(10);
    expect(description.base).toMatch(/^https:\/\//);
  });

  test('fits into what a broker takes', () => {
    expect(JSON.stringify({ description }).length).toBeLessThan(1_048_576);
  });

  test('has examples, all as expected', async () => {
    const examples = description.examples ?? [];
    expect(examples.length).toBeGreaterThan(4);
    const tried = await tryExamples(compiled, examples);
    expect(tried.filter(({ ok }) => !ok)).toEqual([]);
  });

  test('leaves a reviewer nothing to look at but paths that are refused, and few of those', () => {
    const findings = lint(compiled);
    expect(findings.filter(({ kind }) => kind !== 'ambiguous')).toEqual([]);
    expect(findings.length).toBeLessThanOrEqual(6);
  });

  test('takes a second human for every DELETE', () => {
    const deletes = description.operations.filter(({ request }) => request.startsWith('DELETE '));
    expect(deletes.length).toBeGreaterThan(0);
    for (const { request, effect } of deletes) expect(isDeleteCapable(effect), request).toBe(true);
  });

  test('says of every operation that is milder than nobody saying anything why it is', () => {
    const unexplained = description.operations.filter(
      ({ request, effect, reason }) =>
        !request.startsWith('GET ') && !isDeleteCapable(effect) && reason === undefined,
    );
    expect(unexplained).toEqual([]);
  });

  test('is as strict as its own shape', () => {
    expect(Description.safeParse(description).success).toBe(true);
  });
});
