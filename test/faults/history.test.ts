/** The judge is judged first: a checker that finds nothing in a bad history would prove nothing. */
import { describe, expect, test } from 'vitest';
import { type Asked, contradictions, type Held, lateDecisions, type Recorded } from './history.ts';

const span = (called: number, answered: number) => ({ called, answered });
const grant = (ended: Held['ended']): Held => ({
  agent: 'a',
  id: 'g',
  begun: span(0, 10),
  ended,
});
const freeze = (begun: Held['begun'], ended: Held['ended']): Held => ({
  agent: 'a',
  id: 'f',
  begun,
  ended,
});
const asked = (called: number, answered: number, code: string | null): Asked => ({
  ...span(called, answered),
  agent: 'a',
  what: 'exchange',
  grants: ['g'],
  code,
  made: code === null ? 'd' : null,
});

describe('by the callers’ clocks', () => {
  test.each([
    ['allowed before the revoke was called', [grant(span(50, 60))], [], asked(20, 30, null), 0],
    ['allowed while the revoke ran', [grant(span(50, 60))], [], asked(55, 70, null), 0],
    ['allowed after the revoke was answered', [grant(span(50, 60))], [], asked(61, 70, null), 1],
    ['allowed before the grant was called', [grant(null)], [], asked(-9, -1, null), 1],
    ['denied after the revoke', [grant(span(50, 60))], [], asked(61, 70, 'token_revoked'), 0],
    ['denied while it was granted', [grant(span(50, 60))], [], asked(20, 30, 'not_granted'), 1],
    ['denied for want of a broker', [grant(null)], [], asked(20, 30, 'broker_unavailable'), 0],
    ['denied as nobody knows why', [grant(null)], [], asked(20, 30, 'unknown_operation'), 1],
    ['allowed under a freeze', [grant(null)], [freeze(span(20, 25), null)], asked(30, 40, null), 1],
    [
      'allowed while the freeze was lifted',
      [grant(null)],
      [freeze(span(20, 25), span(35, 45))],
      asked(30, 40, null),
      0,
    ],
    [
      'frozen without a freeze',
      [grant(null)],
      [freeze(span(50, 55), null)],
      asked(30, 40, 'frozen'),
      1,
    ],
    [
      'frozen under a freeze',
      [grant(null)],
      [freeze(span(35, 55), null)],
      asked(30, 40, 'frozen'),
      0,
    ],
  ] as const)('%s', (_, grants, freezes, one, problems) => {
    expect(contradictions({ grants, freezes, asked: [one] })).toHaveLength(problems);
  });
});

describe('by the order of the ledger', () => {
  const statement = (index: number, kind: string, body: unknown, id = 's'): Recorded => ({
    index,
    id: `entry-${index}`,
    type: 'statement.proposed',
    body: {
      envelope: {
        payload: Buffer.from(JSON.stringify({ id, kind, body })).toString('base64url'),
      },
    },
  });
  const decision = (index: number): Recorded => ({
    index,
    id: `entry-${index}`,
    type: 'decision',
    body: { verdict: 'allowed', agent: 'a', grants: ['g'] },
  });

  test.each([
    [
      'a decision before the revoke',
      [decision(0), statement(1, 'grant.revoke', { grant: 'g' })],
      0,
    ],
    ['a decision behind it', [statement(0, 'grant.revoke', { grant: 'g' }), decision(1)], 1],
    [
      'a decision under a freeze',
      [statement(0, 'freeze', { target: { kind: 'agent', id: 'a' } }), decision(1)],
      1,
    ],
    [
      'a decision behind the end of a freeze',
      [
        statement(0, 'freeze', { target: { kind: 'agent', id: 'a' } }, 'f'),
        statement(1, 'unfreeze', { freeze: 'f' }),
        decision(2),
      ],
      0,
    ],
  ])('%s', (_, entries, late) => {
    expect(lateDecisions(entries)).toHaveLength(late);
  });
});
