/** What a dry run found and the SQL itself, as its signers read them; what cannot be read says so. */
import { describe, expect, test } from 'vitest';
import { permission } from './support/bodies.ts';
import { dangerousGrant, team } from './support/deployment.ts';
import { words } from './support/words.ts';

const DROP = [permission({ 'db:drop': 'delete' }, ['orders'])];
const NOTHING = {
  server: 'PostgreSQL 18',
  schema: 'public',
  owner: 'app',
  dropped: [],
  emptied: [],
  rows: [],
  altered: [],
  created: [],
  rewritten: [],
  omitted: 0,
  dry_run: 'x',
};
const GRANT = `  run by: ci, or who signs this
  db:drop (delete): orders
  uses: 1
  each lease: at most 15 min
  stands for: 1 h once it is signed
  reason: nightly report
  needs: 0 of 2 signatures; missing: 2 × approver; an admin`;
const THEN =
  '! The dry run is what it did then. SQL that asks what it finds can do something else when it is run.';
const DANGER = '! Delete-capable: db:drop (delete). What it does cannot be taken back.';

async function said(sql: string, assessment: unknown): Promise<string> {
  const t = await team();
  return words(t, 'grant.create', dangerousGrant(t, t.production, DROP, { sql, assessment }));
}

describe('a dry run', () => {
  test('that found nothing', async () => {
    const text = await said('SELECT\t1', { kind: 'dry-run', v: 1, body: NOTHING });
    expect(
      text,
    ).toBe(`Run this SQL once in production on main, with the rights of the owner of orders.
  dry run: on PostgreSQL 18, as app, undone
  changes: nothing that a catalog shows
  SQL: SELECT    1
${GRANT}
${THEN}
${DANGER}`);
  });

  test('that lost nothing', async () => {
    const body = {
      ...NOTHING,
      altered: ['table a'],
      rewritten: ['table b'],
      created: ['function c()'],
      rows: [{ table: 'd', inserted: 1, updated: 2, deleted: 0 }],
    };
    const text = await said('ALTER\nTABLE\n', { kind: 'dry-run', v: 1, body });
    expect(
      text,
    ).toBe(`Run this SQL once in production on main, with the rights of the owner of orders.
  dry run: on PostgreSQL 18, as app, undone
  rows: d: 0 deleted, 2 updated, 1 inserted
  alters: table a
  creates: function c()
  rewrites: table b
  SQL: ALTER
  2: TABLE
${GRANT}
${THEN}
${DANGER}`);
  });

  test.each<[string, object, string]>([
    ['of another kind', { kind: 'cascade', v: 1, body: {} }, '{"kind":"cascade","v":1,"body":{}}'],
    [
      'of another version',
      { kind: 'dry-run', v: 2, body: {} },
      '{"kind":"dry-run","v":2,"body":{}}',
    ],
    [
      'of another shape',
      { kind: 'dry-run', v: 1, body: { dropped: 'none' } },
      '{"kind":"dry-run","v":1,"body":{"dropped":"none"}}',
    ],
  ])('%s is shown as it is, and is not to be signed', async (_name, assessment, shown) => {
    expect(await said('SELECT 1', assessment)).toBe(
      `Run this SQL once in production on main, with the rights of the owner of orders.
  dry run: ${shown}
  SQL: SELECT 1
${GRANT}
! What a dry run found cannot be read here. Do not sign it.
${DANGER}`,
    );
  });
});
