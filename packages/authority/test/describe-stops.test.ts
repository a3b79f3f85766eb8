/** What stops, what stays open and what is given up, in the words its signers read. */
import { expect, test } from 'vitest';
import { readAloud } from '../src/index.ts';
import type { Body } from './support/bodies.ts';
import { type Team, team } from './support/deployment.ts';
import { sha256 } from './support/device-keys.ts';
import { words } from './support/words.ts';

const SIGNS = `! It can sign nothing but a veto, or that a freeze is lifted; delete-capable grants it signed stop meanwhile.
! Its author alone can lift it until another human has signed it too; then it takes two.`;
const TWO = '  needs: 0 of 2 signatures; missing: 2 × admin or approver';
const [F, G] = ['f()', 'g()'].map((object) => ({ object, digest: sha256(object) }));
const [MIRROR, DATABASE] = [sha256('mirror'), sha256('database')];

const TABLE: readonly [string, string, (t: Team) => Body, (t: Team) => string][] = [
  [
    'a freeze of a human',
    'freeze',
    (t) => ({ target: { kind: 'human', id: t.carol.id }, reason: 'odd' }),
    () => `Freeze human carol, at once.
  reason: odd
  needs: 0 of 1 signatures; missing: 1 × human
${SIGNS}`,
  ],
  [
    'a freeze of a key',
    'freeze',
    (t) => ({ target: { kind: 'key', id: t.carol.key.kid }, reason: 'odd' }),
    (t) => `Freeze a key of carol, at once.
  key: ${readAloud(t.carol.key.kid)}
  reason: odd
  needs: 0 of 1 signatures; missing: 1 × human
${SIGNS}`,
  ],
  [
    'a freeze of everything',
    'freeze',
    () => ({ target: { kind: 'everything', id: null }, reason: 'odd' }),
    () => `Freeze everything, at once.
  reason: odd
  needs: 0 of 1 signatures; missing: 1 × human
! Nothing is issued there any more, and its open sessions are cut.
! Its author alone can lift it until another human has signed it too; then it takes two.`,
  ],
  [
    'the lifting of a freeze there is not',
    'unfreeze',
    (t) => ({ freeze: t.agent, reason: 'well' }),
    (t) => `Lift the freeze ${t.agent}.
  reason: well
  needs: 0 of 2 signatures; missing: 2 × human`,
  ],
  [
    'the end of a connection',
    'connection.remove',
    (t) => ({ connection: t.connection, reason: 'moved' }),
    () => `Remove the connection main, for good.
  reaches: main.example:5432
  reason: moved
  needs: 0 of 1 signatures; missing: 1 × admin
! Every grant on it ends at once, and its open sessions are cut.
! Its root credential is destroyed once its last lease is taken back, and not before.
! Its name stays taken. What it maps can be mapped by another connection at once, also while its last leases are still being taken back.`,
  ],
  [
    'an accepted escape',
    'escape.accept',
    (t) => ({ connection: t.connection, escapes: [F], reason: 'needed' }),
    () => `Accept that one way around its rights stays open on main.
  stays open: f() (${F?.digest})
  reason: needed
${TWO}
! Whoever gets a credential there, to read only too, can use it to do more than was granted: f().`,
  ],
  [
    'two accepted escapes',
    'escape.accept',
    (t) => ({ connection: t.connection, escapes: [F, G], reason: 'needed' }),
    () => `Accept that 2 ways around its rights stay open on main.
  stays open: f() (${F?.digest})
  stays open: g() (${G?.digest})
  reason: needed
${TWO}
! Whoever gets a credential there, to read only too, can use each of them to do more than was granted: f(), g().`,
  ],
  [
    'details that are forgotten',
    'prune',
    () => ({ before: '2026-11-01T00:00:00.000Z', reason: 'old' }),
    () => `Forget the details of decisions before 2026-11-01T00:00:00.000Z.
  reason: old
${TWO}
! What was decided then can be counted afterwards, and read no more.`,
  ],
  ...(
    [
      [9, `9 entries, ${readAloud(MIRROR)}`],
      [0, 'no checkpoint of it can be read'],
    ] as const
  ).map(([size, mirror]): [string, string, () => Body, () => string] => [
    `a restored database beside a mirror of ${size}`,
    'restore.accept',
    () => ({
      mirror: { size, root: MIRROR },
      restored: { size: 7, root: DATABASE },
      reason: 'burnt',
    }),
    () => `Go on with a database that does not agree with its mirror.
  mirror: ${mirror}
  database: 7 entries, ${readAloud(DATABASE)}
  reason: burnt
${TWO}
! What only the mirror has is given up for good: a revocation, a freeze or a removal among it is undone. Make it again.
! Every lease is revoked; limited and delete-capable grants are void.`,
  ]),
];

test.each(TABLE)('%s', async (_name, kind, body, expected) => {
  const t = await team();
  expect(words(t, kind, body(t))).toBe(expected(t));
});

test('the lifting of a freeze says whose it was, who seconded it, and who could lift it alone', async () => {
  const t = await team();
  const draft = t.broker.draft('freeze', {
    target: { kind: 'agent', id: t.agent },
    reason: 'odd queries',
  });
  const freeze = await t.broker.done(draft, t.dave.key);
  const at = t.broker.state.freezes.get(freeze)?.at;
  const lift = () => words(t, 'unfreeze', { freeze, reason: 'a test' });
  expect(lift()).toBe(`Lift the freeze of agent ci.
  frozen by: dave, ${at}
  because: odd queries
  seconded by: nobody
  alone: dave can lift it alone
  reason: a test
  needs: 0 of 2 signatures; missing: 2 × human
! What was suspended by it works again at once, unless another freeze stands.`);
  await t.broker.sign(draft, t.bob.key);
  expect(lift()).toBe(`Lift the freeze of agent ci.
  frozen by: dave, ${at}
  because: odd queries
  seconded by: bob, vouched for by one person
  reason: a test
  needs: 0 of 2 signatures; missing: 2 × human
! What was suspended by it works again at once, unless another freeze stands.`);
});
