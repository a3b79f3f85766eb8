import { describe, expect, test } from 'vitest';
import { keysLast } from '../src/run.ts';

const KEY = `-${'a'.repeat(42)}`;

describe('a thumbprint that begins with a dash', () => {
  test.each([
    [
      ['human', 'key', 'revoke', KEY, '--reason', 'lost'],
      ['human', 'key', 'revoke', '--reason', 'lost', '--', KEY],
    ],
    [
      ['human', 'join', 'CODE', '--broker', KEY],
      ['human', 'join', 'CODE', '--broker', KEY],
    ],
    [
      ['exec', '--', 'cmd', KEY],
      ['exec', '--', 'cmd', KEY],
    ],
    [
      ['sign', 'ID', '-h'],
      ['sign', 'ID', '-h'],
    ],
  ])('%j', (argv, expected) => {
    expect(keysLast(argv)).toEqual(expected);
  });
});
