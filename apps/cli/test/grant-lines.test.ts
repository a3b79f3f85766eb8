/** What a grant hangs on, in lines: nothing that bounds it is left out. */
import { describe, expect, test } from 'vitest';
import { dependencyFacts, signatureFacts, standingFacts } from '../src/grant-lines.ts';

const DIGEST = Buffer.alloc(32, 1).toString('base64url');
const FROM = '2026-11-20T12:10:00.000Z';
const UNTIL = '2026-11-20T13:10:00.000Z';
const PLAIN = {
  status: 'active' as const,
  from: FROM,
  until: UNTIL,
  uses_left: null,
  sender: null,
  pins: null,
};

describe('where a grant stands', () => {
  test('one that pins nothing is bounded by its end alone', () => {
    expect(standingFacts(PLAIN)).toEqual([
      ['until', '2026-11-20 13:10:00Z'],
      ['uses left', 'unlimited'],
    ]);
  });

  test('one that is delete-capable names its pins, its key, its uses and the end of its cool-off', () => {
    const pins = { agent_credentials: [DIGEST, `${DIGEST}2`], connection: DIGEST };
    expect(
      standingFacts({ ...PLAIN, status: 'cooling_off', uses_left: 1, sender: DIGEST, pins }),
    ).toEqual([
      ['cool-off ends', '2026-11-20 12:10:00Z'],
      ['until', '2026-11-20 13:10:00Z'],
      ['uses left', '1'],
      ['bound to key', DIGEST],
      ['pins credential', DIGEST],
      ['pins credential', `${DIGEST}2`],
      ['pins connection', DIGEST],
    ]);
  });

  test('one that waits has no end yet', () => {
    expect(standingFacts({ ...PLAIN, status: 'waiting', from: null, until: null })).toEqual([
      ['uses left', 'unlimited'],
    ]);
  });
});

test('a signature says whether it counts, and who vouched for whom', () => {
  const signature = { human: '', name: 'bob', kid: DIGEST, at: FROM };
  const signatures = [
    { ...signature, counts: true, vouched_by_one: false },
    { ...signature, counts: false, vouched_by_one: true },
  ];
  expect(signatureFacts({ signatures })).toEqual([
    ['  bob', '2026-11-20 12:10:00Z'],
    ['  bob', '2026-11-20 12:10:00Z, counts no more, vouched for by one person'],
  ]);
});

test('what would end it is one line each', () => {
  expect(dependencyFacts({ depends_on: ['a', 'b'] })).toEqual([
    ['ends with', 'a'],
    ['  or', 'b'],
  ]);
  expect(dependencyFacts({ depends_on: [] })).toEqual([]);
});
