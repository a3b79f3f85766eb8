/** A description that does not hold together is refused whole, before anybody could sign it. */
import { describe, expect, test } from 'vitest';
import { compile } from '../src/description/index.ts';
import { tasksDescription } from './support/tasks.ts';

describe('a description', () => {
  const base = 'https://api.tasks.example';
  const good = tasksDescription(base);
  const [list, ...others] = good.operations;
  const changed = (change: object) => ({
    ...good,
    operations: [{ ...list, ...change }, ...others],
  });
  test.each<[string, object, RegExp]>([
    ['plain http', { ...good, base: 'http://api.tasks.example' }, /base/],
    ['an address', { ...good, base: 'https://10.0.0.1' }, /base/],
    ['a path in its base', { ...good, base: 'https://api.tasks.example/v1' }, /base/],
    ['a user in its base', { ...good, base: 'https://a@api.tasks.example' }, /base/],
    ['a cookie for a credential', { ...good, credential: { header: 'cookie' } }, /credential/],
    ['a header that is not its own', { ...good, headers: { host: 'x' } }, /headers.host/],
    ['a method override', { ...good, headers: { 'x-http-method-override': 'DELETE' } }, /headers/],
    ['two parameters in a segment', changed({ request: 'GET /v1/{a}..{b}' }), /template/],
    ['a rest within a segment', changed({ request: 'GET /v1/a{b:rest}' }), /template/],
    ['a parameter twice', changed({ request: 'GET /v1/{a}/{a}' }), /template/],
    ['a rest in the middle', changed({ request: 'GET /v1/{a:rest}/b' }), /template/],
    ['dot segments', changed({ request: 'GET /v1/../b' }), /template/],
    ['another method', changed({ request: 'TRACE /v1/b' }), /METHOD/],
    ['a resource nobody can name', changed({ resource: 'task/{task}' }), /resource/],
    ['a place there is none of', changed({ place: 'nowhere' }), /none of places/],
    ['a place it does not say', changed({ place: 'task' }), /does not say/],
    ['a body for GET', changed({ body: { type: 'json', keys: [] } }), /has none/],
    ['an effect there is none of', changed({ effect: 'mild' }), /effect/],
    ['two operations of one name', { ...good, operations: [list, list] }, /twice/],
    ['two of one shape', { ...good, operations: [list, { ...list, name: 'x' }] }, /same template/],
    ['an operation over one that is not wider', changed({ over: ['tasks/get'] }), /goes over/],
    [
      'a condition on nothing',
      changed({
        when: [{ name: 'x', effect: 'delete', summary: 's', at: '{body:/a}', present: true }],
      }),
      /at is a place/,
    ],
    [
      'a condition in two ways',
      changed({
        when: [
          {
            name: 'x',
            effect: 'delete',
            summary: 's',
            at: '{query:state}',
            present: true,
            is: ['a'],
          },
        ],
      }),
      /one of is/,
    ],
    [
      'a condition on two types',
      changed({
        when: [{ name: 'x', effect: 'delete', summary: 's', at: '{query:state}', is: ['a', 1] }],
      }),
      /one type/,
    ],
    ['a summary that steers a terminal', changed({ summary: 'a\u001b[2Jb' }), /one line/],
  ])('is refused with %s', (_name, document, words) => {
    expect(() => compile(document)).toThrow(words);
  });
});
