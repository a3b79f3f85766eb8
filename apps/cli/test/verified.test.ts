/** What `audit verify` prints of a ledger that verified: who stands behind what could delete, in 80 columns. */
import type { DeleteCapable, VerifyReport } from '@countersign/verify';
import { describe, expect, test } from 'vitest';
import { verifiedLines } from '../src/verified.ts';

const REPORT: VerifyReport = {
  ok: true,
  broker: 'NE3ABc4nyDlJmpM0tXkIZZ6PMXjduQGOdOGDpM3jBsg',
  trusted: 'genesis',
  entries: 40,
  statements: 14,
  decisions: { allowed: 9, denied: 3 },
  leases: { made: 4, open: 2, overdue: 1 },
  vouched_by_one: ['bob'],
  delete_capable: [],
  unjudged: [],
  remarks: [],
  gaps: [],
  checkpoint: {
    origin: 'broker.example.com/countersign',
    size: 40,
    root: 'm4FcLMNu9ED9QLSirGYkB8lJOWupxcQjT8ZZcRCxQaU',
  },
  finding: null,
};

const BY_TWO = [
  { human: 'alice', vouched_by_one: false },
  { human: 'bob', vouched_by_one: true },
];

function deleting(lease: string | null, grant = '01a1f82f-1e80-7000-8000-00000000000c') {
  const decision: DeleteCapable = {
    index: 7,
    id: '01a1f82f-1e80-7000-8000-0000000003f7',
    time: '2026-11-20T09:00:00.000Z',
    stage: lease === null ? 'issue' : 'exchange',
    lease,
    agent: 'cursor',
    connection: 'pg-production',
    environment: 'production',
    operations: ['postgres:delete'],
    grants: [{ grant, signed_by: BY_TWO }],
  };
  return decision;
}

const printed = (change: Partial<VerifyReport>): string =>
  verifiedLines({ ...REPORT, ...change })
    .join('\n')
    .replace(/\s+/g, ' ');

describe('a ledger that verified', () => {
  test('says so where nothing could delete', () => {
    expect(printed({})).toContain('nothing that could delete was allowed');
    expect(printed({})).toContain('leases 4, 2 of them open, 1 past their end');
    expect(printed({})).toContain('vouched for by one person: bob');
  });

  test('names the grant, and its signers with the mark of whom one person vouched for', () => {
    const delete_capable = [deleting(null), deleting('l1'), deleting('l2')];
    expect(printed({ delete_capable })).toContain(
      '2 leases and 1 token could delete, each on the signatures of two humans or more: ' +
        'grant 01a1f82f, 2 leases: cursor in production on pg-production, signed by alice, bob* ' +
        '* vouched for by one person',
    );
  });

  test('counts requests that were forwarded apart, where there are some', () => {
    const forwarded = { ...deleting(null), stage: 'forward' as const };
    expect(printed({ delete_capable: [forwarded, deleting(null)] })).toContain(
      '1 request and 1 token could delete, each on the signatures of two humans or more: grant 01a1f82f, 1 request:',
    );
    expect(printed({ delete_capable: [forwarded, deleting('l')] })).toContain(
      '1 lease, 1 request and 0 tokens could delete',
    );
  });

  test('lists a dozen grants, and says how many more there are', () => {
    const delete_capable = Array.from({ length: 30 }, (_, n) => deleting('l', `${n}-grant`));
    const text = printed({ delete_capable });
    expect(text.match(/ grant \S+, /g)).toHaveLength(12);
    expect(text).toContain('and 18 more grants (--json)');
  });

  test('says what was not judged, and what was noticed', () => {
    const text = printed({
      unjudged: [{ what: 'guardrail nights', decisions: 1 }],
      remarks: [{ index: 7, id: 'x', text: 'The row of lease l had been edited by hand.' }],
    });
    expect(text).toContain('not judged here: guardrail nights (1 decision)');
    expect(text).toContain('noticed: entry 7: The row of lease l had been edited by hand.');
  });

  test('fits 80 columns, and lets no name steer the terminal', () => {
    const name = `${'x'.repeat(200)}\u001b[2J`;
    const delete_capable = [{ ...deleting('l'), agent: name, connection: name }];
    const lines = verifiedLines({ ...REPORT, delete_capable, vouched_by_one: [name] });
    for (const line of lines) expect([...line].length, line).toBeLessThanOrEqual(80);
    expect(lines.join('')).not.toContain('\u001b');
  });
});
