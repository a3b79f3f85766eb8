/** Law 3: whatever a real router does with what is sent, it is what was judged, in whichever order it was built. */
import { RequestRefusal } from '@countersign/provider-kit';
import fc from 'fast-check';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { judgeRequest } from '../src/classify.ts';
import { compile, DescriptionError } from '../src/description/index.ts';
import { inbound } from './support/tasks.ts';

const BASE = 'https://api.words.example';
const WORDS = ['a', 'b', 'Ab', 'done', '1', 'x.json'];

const segment = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.constantFrom('{p}', '{p:integer}', '{p:a|done}'),
);
/** A template whose parameters have names of their own. */
const template = fc.array(segment, { minLength: 1, maxLength: 3 }).chain((parts) =>
  fc.boolean().map((isRest) => {
    const named = parts.map((part, at) => part.replace('{p', `{p${at}`));
    return `/${[...named, ...(isRest ? ['{all:rest}'] : [])].join('/')}`;
  }),
);
const method = fc.constantFrom('GET', 'POST', 'DELETE');
const templates = fc.uniqueArray(fc.tuple(method, template), {
  minLength: 1,
  maxLength: 8,
  selector: (each) => each.join(' '),
});
const value = fc.constantFrom(
  ...WORDS,
  ...[
    'A',
    'DONE',
    '01',
    '+1',
    '-1',
    '1.5',
    '%61',
    '%2F',
    '%2e',
    '..',
    '.',
    '',
    'ä',
    '%C3%A4',
    'a%20b',
  ],
  ...[
    'a;b',
    'a%3Bb',
    'a%252Fb',
    '%00',
    'a.json',
    'done.json',
    '1e3',
    'a@b',
    'a%40b',
    'a:b',
    '*',
    ':p0',
  ],
);
/** Near some template: what stands where its parameters are, and now and then where a literal is. */
const asking = fc.record({
  near: fc.nat(),
  values: fc.array(value, { minLength: 6, maxLength: 6 }),
  strange: fc.option(fc.nat(3), { freq: 3 }),
});

function pathNear(text: string, { values, strange }: { values: string[]; strange: number | null }) {
  const parts = text.slice(1).split('/');
  return `/${parts
    .map((part, at) => (part.startsWith('{') || at === strange ? (values[at] ?? '') : part))
    .join('/')}`;
}

function describing(wanted: readonly (readonly [string, string])[]) {
  try {
    return compile({
      version: 1,
      name: 'words',
      title: 'Words',
      base: BASE,
      credential: { header: 'authorization' },
      places: {},
      operations: wanted.map(([verb, text], at) => ({
        name: `op${at}`,
        request: `${verb} ${text}`,
        effect: 'delete',
        summary: 'Something.',
        resource: 'thing',
        place: null,
      })),
    });
  } catch (error) {
    if (error instanceof DescriptionError) return null;
    throw error;
  }
}

function routing(wanted: readonly (readonly [string, string, string])[]): Hono {
  const app = new Hono();
  for (const [name, verb, text] of wanted) {
    const pattern = text
      .replace(/\{(\w+):rest\}/, ':$1{.+}')
      .replace(/\{(\w+):integer\}/g, ':$1{[0-9]+}')
      .replace(/\{(\w+):a\|done\}/g, ':$1{(?:a|done)}')
      .replace(/\{(\w+)\}/g, ':$1');
    app.on(verb, pattern, (c) => c.text(`words:${name}`));
  }
  return app;
}

test('a router is sent nothing that it takes for another operation', async () => {
  let understood = 0;
  await fc.assert(
    fc.asyncProperty(
      templates,
      fc.array(asking, { minLength: 8, maxLength: 8 }),
      method,
      async (wanted, paths, verb) => {
        const compiled = describing(wanted);
        if (compiled === null) return;
        const rows = wanted.map(([each, text], at) => [`op${at}`, each, text] as const);
        const routers = [routing(rows), routing(rows.toReversed())];
        for (const each of paths) {
          const asked = pathNear(wanted[each.near % wanted.length]?.[1] ?? '/', each);
          let judged: ReturnType<typeof judgeRequest>;
          try {
            judged = judgeRequest(compiled, BASE, inbound(`${verb} ${asked}`));
          } catch (error) {
            expect(error).toBeInstanceOf(RequestRefusal);
            continue;
          }
          understood += 1;
          for (const router of routers) {
            const answer = await router.request(judged.outbound.url, { method: verb });
            expect([await answer.text(), asked]).toEqual([judged.calls[0]?.operation, asked]);
          }
        }
      },
    ),
    { numRuns: 400 },
  );
  expect(understood).toBeGreaterThan(100);
});
