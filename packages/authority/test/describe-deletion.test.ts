/** What a delete takes with it, as its signers read it before anything else; what cannot be told says so. */
import { expect, test } from 'vitest';
import { permission } from './support/bodies.ts';
import { dangerousGrant, team } from './support/deployment.ts';
import { words } from './support/words.ts';

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const LOSS = {
  place: 'live',
  place_id: 'elsewhere',
  object: 'volume bookings',
  used_by: 'postgres',
  size: 2_500_000_000,
  backups: 2,
  newest_backup: '2026-04-24T00:00:00Z',
};
const ALONE = { used_by: null, size: null, backups: null, newest_backup: null };
const DELETION = {
  operation: 'db:drop',
  resource: 'orders',
  losses: [LOSS],
  omitted: 0,
  unassessed: null,
};
const GRANT = `  db:drop (delete): orders
  uses: 1
  each lease: at most 15 min
  stands for: 1 h once it is signed
  reason: nightly report
  needs: 0 of 2 signatures; missing: 2 × approver; an admin`;
const DANGER = '! Delete-capable: db:drop (delete). What it does cannot be taken back.';
const HEADLINE = 'Let ci do this in production on main.';

test.each<[string, Readonly<Record<string, unknown>>, string, string]>([
  [
    'more than was meant',
    { deletions: [DELETION] },
    '  takes with it: live: volume bookings, used by postgres, 2500 MB, 2 backups, the newest of 2026-04-24T00:00:00Z',
    '! It reaches beyond what is mapped as production: live.\n! 2 backups go with it.',
  ],
  [
    'names that would draw on the screen',
    {
      deletions: [
        {
          ...DELETION,
          losses: [
            { ...LOSS, ...ALONE, place: 'li\nve', object: 'service \u001b[2J\u202e' },
            { ...LOSS, used_by: 'a\nb', backups: 0, newest_backup: null },
          ],
        },
      ],
    },
    `  takes with it: li\\u{a}ve: service \\u{1b}[2J\\u{202e}
  takes with it: live: volume bookings, used by a\\u{a}b, 2500 MB, no backups`,
    '! It reaches beyond what is mapped as production: li\\u{a}ve, live.',
  ],
  [
    'rows, of which not all were counted',
    {
      deletions: [
        {
          ...DELETION,
          losses: [
            { counted: 1, complete: true, estimated: null },
            { counted: 10_000, complete: false, estimated: 5_000_000 },
            { counted: null, complete: false, estimated: 12 },
            { counted: null, complete: false, estimated: null },
          ].map((rows) => ({ ...LOSS, ...ALONE, place: 'app', place_id: 'db', object: 't', rows })),
        },
      ],
    },
    `  takes with it: app: t, 1 row
  takes with it: app: t, at least 10000 rows, about 5000000 by its statistics
  takes with it: app: t, rows not counted, about 12 by its statistics
  takes with it: app: t, rows not counted`,
    `! It reaches beyond what is mapped as production: app.
! Not all rows that go with it could be counted. Find out before you sign.`,
  ],
  [
    'nothing else',
    { deletions: [{ ...DELETION, losses: [] }] },
    '  takes with it: db:drop of orders: nothing else',
    '',
  ],
  [
    'what the provider did not tell',
    { deletions: [{ ...DELETION, losses: [], unassessed: 'unavailable' }] },
    '  takes with it: db:drop of orders: not known',
    '! What db:drop of orders takes with it could not be told when it was drafted (unavailable). Find out before you sign.',
  ],
  [
    'more than fits',
    { deletions: [{ ...DELETION, losses: [], omitted: 7 }], omitted: 3 },
    `  takes with it: 7 more, not listed
  takes with it: that of 3 more deletions, not looked up`,
    '! It takes more with it than could be listed.',
  ],
])('a deletion that takes %s', async (_, found, facts, warnings) => {
  const t = await team();
  const assessment = { kind: 'deletion', v: 1, body: { omitted: 0, assessed: 'x', ...found } };
  const text = words(t, 'grant.create', dangerousGrant(t, t.production, DROP, { assessment }));
  expect(text).toBe(
    [HEADLINE, facts, GRANT, warnings, DANGER].filter((each) => each !== '').join('\n'),
  );
});
