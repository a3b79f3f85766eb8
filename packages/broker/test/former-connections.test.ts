/** A lease is taken back where it was made: which of a connection's former selves that was, and as whom. */
import type { Connection } from '@countersign/authority';
import { describe, expect, test } from 'vitest';
import { elsewhereUnder, madeUnder, needs, takenBackBy } from '../src/former-connections.ts';
import type { Lease } from '../src/ports.ts';

const at = (second: number) => `2026-11-20T12:00:0${second}.000Z`;
const ms = (second: number) => Date.parse(at(second));

function bodyOf(endpoint: string, account: string): Connection['body'] {
  return {
    connection: 'c',
    name: 'pg',
    provider: 'db',
    ...{ endpoint, account, config: {}, mapping: {}, credential: '' },
  };
}

/** One account until 3, then its credential rotated, at 5 another account, at 7 another endpoint. */
const CONNECTION: Connection = {
  id: 'c',
  name: 'pg',
  body: bodyOf('there', 'second'),
  setBy: 'fourth',
  since: at(7),
  former: [
    { body: bodyOf('here', 'first'), setBy: 'first', since: at(1), until: at(3) },
    { body: bodyOf('here', 'first'), setBy: 'second', since: at(3), until: at(5) },
    { body: bodyOf('here', 'second'), setBy: 'third', since: at(5), until: at(7) },
  ],
  removedAt: null,
};
/** The same at 6: another account at the same endpoint. */
const [first, second] = CONNECTION.former;
const BEFORE: Connection = {
  ...CONNECTION,
  body: bodyOf('here', 'second'),
  setBy: 'third',
  since: at(5),
  former: first === undefined || second === undefined ? [] : [first, second],
};

function lease(second: number, state: Lease['state'] = 'active'): Lease {
  return {
    id: 'l',
    agent: 'a',
    connection: 'c',
    environment: 'e',
    grants: [],
    rights: [],
    expiresAt: ms(9),
    decision: 'd',
    state,
    createdAt: ms(second),
    trouble: null,
    intact: true,
  };
}

describe('what a lease was made under', () => {
  test.each([
    [2, ['first']],
    [4, ['second']],
    [6, ['third']],
    [8, ['fourth']],
    // Two entries may share a millisecond: then it is looked for in both.
    [3, ['first', 'second']],
    [7, ['third', 'fourth']],
    // Nothing says so, and it must go all the same.
    [0, ['fourth']],
  ])('at %d s', (second, expected) => {
    expect(madeUnder(CONNECTION, lease(second)).map(({ setBy }) => setBy)).toEqual(expected);
  });
});

describe('who takes it back', () => {
  const by = (connection: Connection, second: number) =>
    madeUnder(connection, lease(second)).flatMap((made) =>
      takenBackBy(connection, made).map(({ setBy }) => setBy),
    );

  test('the present credential, where it is the same account', () => {
    const rotated = { ...BEFORE, body: bodyOf('here', 'first') };
    expect(by(rotated, 2)).toEqual(['third']);
  });

  test('its own account first, and the present one where that is at the same endpoint', () => {
    expect(by(BEFORE, 2)).toEqual(['first', 'third']);
  });

  test('its own alone, where the present one is elsewhere', () => {
    expect(by(CONNECTION, 4)).toEqual(['second']);
  });
});

describe('a replaced credential is needed', () => {
  test.each([
    ['by a live lease of another account', BEFORE, lease(4), 'second', true],
    ['not by one of another time', BEFORE, lease(6), 'second', false],
    [
      'not by a live lease of the same account',
      { ...BEFORE, body: bodyOf('here', 'first') },
      lease(4),
      'second',
      false,
    ],
    [
      'but by one that is just being made',
      { ...BEFORE, body: bodyOf('here', 'first') },
      lease(4, 'pending'),
      'second',
      true,
    ],
  ] as const)('%s', (_, connection, live, setBy, expected) => {
    expect(needs(connection, live, setBy)).toBe(expected);
  });

  test('to look for strays, where the present one does not reach', () => {
    const names = (connection: Connection, setBy: string) =>
      elsewhereUnder(connection, setBy).map((each) => each.setBy);
    expect(names(CONNECTION, 'first')).toEqual(['first']);
    expect(names({ ...BEFORE, body: bodyOf('here', 'first') }, 'second')).toEqual([]);
  });
});
