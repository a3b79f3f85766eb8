/** Group roles outlive leases, so what became of them meanwhile decides whether they are used. */
import { describe, expect, it } from 'vitest';
import { codeOf, type Fixture, onEachServer, right } from './support/fixture.ts';
import { asSuperuser } from './support/server.ts';

const READ = [right('select', 'sales.booking')];

/** The one group role of a fresh lease with this right. */
async function groupOf({ issue, admin }: Fixture, rights = READ): Promise<string> {
  const lease = await issue(rights);
  const groups = await admin`
    SELECT roleid::regrole::text AS name FROM pg_auth_members WHERE member = ${lease.role}::regrole`;
  expect(groups).toHaveLength(1);
  return String(groups[0]?.['name']);
}

await onEachServer('a group role', (fixture, server) => {
  it('is made once, and shared by every lease of the same right', async () => {
    expect(await groupOf(fixture())).toBe(await groupOf(fixture()));
    const others = await Promise.all([
      groupOf(fixture(), [right('insert', 'sales.booking')]),
      groupOf(fixture(), [right('select', 'sales.room')]),
      groupOf(fixture(), [right('select', 'sales.booking(id)')]),
      groupOf(fixture(), [right('select', 'sales.booking(guest,id)')]),
    ]);
    expect(new Set([...others, await groupOf(fixture())]).size).toBe(5);
  });

  it('can do nothing by itself', async () => {
    const [role] = await fixture().admin`
      SELECT rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
      FROM pg_roles WHERE rolname = ${await groupOf(fixture())}`;
    expect(Object.values(role ?? {})).toEqual(Array(7).fill(false));
  });

  describe('is never used again after somebody', () => {
    const TAMPERED: readonly [string, string][] = [
      ['granted it more on its table', 'GRANT DELETE ON sales.booking TO @'],
      ['granted it a column of its table', 'GRANT UPDATE (card) ON sales.booking TO @'],
      ['granted it another table', 'GRANT SELECT ON sales.room TO @'],
      ['granted it a schema', 'GRANT CREATE ON SCHEMA sales TO @'],
      ['granted it the database', 'GRANT TEMPORARY ON DATABASE app TO @'],
      ['granted it another database', 'GRANT CONNECT ON DATABASE other TO @'],
      ['granted it a function', 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO @'],
      ['granted it a setting', 'GRANT SET ON PARAMETER session_replication_role TO @'],
      ['let it pass its right on', 'GRANT SELECT ON sales.booking TO @ WITH GRANT OPTION'],
      ['took its right away', 'REVOKE SELECT ON sales.booking FROM @'],
      ['took its schema away', 'REVOKE USAGE ON SCHEMA sales FROM @'],
      ['made it a member of a powerful role', 'GRANT pg_write_all_data TO @'],
      ['made it a member of the owner', 'GRANT app_owner TO @'],
      ['let it log in', 'ALTER ROLE @ LOGIN'],
      ['let it inherit', 'ALTER ROLE @ INHERIT'],
      ['let it create roles', 'ALTER ROLE @ CREATEROLE'],
      ['let it bypass row security', 'ALTER ROLE @ BYPASSRLS'],
      ['made it superuser', 'ALTER ROLE @ SUPERUSER'],
      ['gave it a table', 'CREATE TABLE sales.gift (id int); ALTER TABLE sales.gift OWNER TO @'],
      ['gave it a large object', 'SELECT lo_create(424242); ALTER LARGE OBJECT 424242 OWNER TO @'],
      [
        'named it in default privileges',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT DELETE ON TABLES TO @',
      ],
      ['named it in a policy', 'CREATE POLICY p ON sales.booking TO @ USING (true)'],
    ];
    it.each(TAMPERED)('%s', async (_, tampering) => {
      const { admin, issue } = fixture();
      const group = await groupOf(fixture());
      await admin.unsafe(tampering.replaceAll('@', group));
      await expect(issue(READ)).rejects.toMatchObject({
        kind: 'misconfigured',
        message: expect.stringMatching(`${group}.*DROP OWNED BY ${group}; DROP ROLE ${group};`),
      });
      // Other rights are not held up, and nothing was quietly repaired.
      await issue([right('select', 'sales.room')]);
      await expect(issue(READ)).rejects.toMatchObject({ kind: 'misconfigured' });

      await admin.unsafe(`DROP OWNED BY ${group}; DROP ROLE ${group}`);
      await admin.unsafe('DROP TABLE IF EXISTS sales.gift');
      const lease = await issue(READ);
      expect(await codeOf(lease.open()`SELECT FROM sales.booking`)).toBe('ok');
      expect(await codeOf(lease.open()`DELETE FROM sales.booking`)).toBe('42501');
    });
  });

  it('cannot be spoiled by a lease for longer than that lease lives', async () => {
    const { admin, issue, issuer, connection } = fixture();
    const group = await groupOf(fixture());
    const spoiler = await issue(READ);
    const agent = spoiler.open();
    for (const attempt of [
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${group} GRANT ALL ON TABLES TO PUBLIC`,
      `ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ${group}`,
      `SELECT lo_create(77); GRANT ALL ON LARGE OBJECT 77 TO ${group}, PUBLIC`,
    ]) {
      expect(await codeOf(agent.unsafe(attempt))).toBe('ok');
    }
    for (const attempt of [
      `ALTER LARGE OBJECT 77 OWNER TO ${group}`,
      `REASSIGN OWNED BY CURRENT_USER TO ${group}`,
      `ALTER ROLE ${group} SET role = 'broker'`,
      `GRANT pg_read_all_data TO ${group}`,
      `COMMENT ON ROLE ${group} IS 'mine'`,
    ]) {
      const code = await codeOf(agent.unsafe(attempt));
      if (!server.includes(' 15')) expect(code, attempt).toBe('42501');
    }
    await issuer.revoke(connection, spoiler.id);
    if (server.includes(' 15')) await admin.unsafe(`DROP OWNED BY ${group}; DROP ROLE ${group}`);
    const lease = await issue(READ);
    expect(await codeOf(lease.open()`SELECT FROM sales.booking`)).toBe('ok');
  });

  it('cannot be spoiled by a lease of another right while that lease lives, nor after', async () => {
    const { admin, issue, issuer, connection } = fixture();
    await admin`GRANT TEMPORARY ON DATABASE app TO PUBLIC`;
    await admin`GRANT CONNECT, TEMPORARY ON DATABASE other TO PUBLIC`;
    const group = await groupOf(fixture());
    const spoiler = await issue([right('select', 'sales.room')]);
    const own = await groupOf(fixture(), [right('select', 'sales.room')]);
    for (const agent of [spoiler.open(), spoiler.open('other')]) {
      for (const attempt of [
        `ALTER DEFAULT PRIVILEGES FOR ROLE ${own} GRANT ALL ON TABLES TO ${group}`,
        `ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ${group}`,
        `SELECT lo_create(79); GRANT ALL ON LARGE OBJECT 79 TO ${group}`,
        `CREATE TEMP TABLE bait (); GRANT ALL ON bait TO ${group}`,
        `CREATE FUNCTION pg_temp.bait() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION pg_temp.bait() TO ${group}`,
      ]) {
        expect(await codeOf(agent.unsafe(attempt)), attempt).toBe('ok');
        expect(await groupOf(fixture())).toBe(group);
      }
    }
    await issuer.revoke(connection, spoiler.id);
    expect(await groupOf(fixture())).toBe(group);
    const other = asSuperuser(fixture().server, 'other');
    await other.unsafe(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${own} REVOKE ALL ON TABLES FROM ${group}`,
    );
    await other.end();
    await admin`REVOKE ALL ON DATABASE app, other FROM PUBLIC`;
  });

  it('of last week does not reach the table that has its name today', async () => {
    const { admin, issue } = fixture();
    await admin.unsafe('SET ROLE app_owner; CREATE TABLE sales.plan (id int); RESET ROLE');
    const old = await issue([right('select', 'sales.plan')]);
    await admin.unsafe(`SET ROLE app_owner; ALTER TABLE sales.plan RENAME TO plan_2025;
      CREATE TABLE sales.plan (id int); RESET ROLE`);
    expect(await codeOf(old.open()`SELECT FROM sales.plan`)).toBe('42501');
    const today = await issue([right('select', 'sales.plan')]);
    expect(await codeOf(today.open()`SELECT FROM sales.plan`)).toBe('ok');
    expect(await codeOf(today.open()`SELECT FROM sales.plan_2025`)).toBe('42501');
  });

  it.each([
    [
      'the table moved to another schema',
      'CREATE SCHEMA "moved"; ALTER TABLE sales.ward SET SCHEMA moved',
      'moved.ward(a)',
    ],
    [
      'the column was dropped and made again',
      'ALTER TABLE sales.ward DROP a, ADD a int',
      'sales.ward(a)',
    ],
    [
      'the columns swapped names',
      'ALTER TABLE sales.ward RENAME a TO c; ALTER TABLE sales.ward RENAME b TO a',
      'sales.ward(a)',
    ],
  ])('of columns follows the objects, not the names, when %s', async (_, change, resource) => {
    const { admin, issue } = fixture();
    await admin.unsafe('SET ROLE app_owner; CREATE TABLE sales.ward (a int, b int); RESET ROLE');
    const before = await groupOf(fixture(), [right('select', 'sales.ward(a)')]);
    await admin.unsafe(`SET ROLE app_owner; ${change}; RESET ROLE`);
    expect(await groupOf(fixture(), [right('select', resource)])).not.toBe(before);
    const agent = (await issue([right('select', resource)])).open();
    expect(await codeOf(agent.unsafe(`SELECT a FROM ${resource.replace(/\(.*/, '')}`))).toBe('ok');
    await admin.unsafe('DROP SCHEMA IF EXISTS moved CASCADE; DROP TABLE IF EXISTS sales.ward');
  });

  it('follows a serial column that was added later', async () => {
    const { admin, issue } = fixture();
    await admin.unsafe('SET ROLE app_owner; CREATE TABLE sales.log (line text); RESET ROLE');
    await issue([right('insert', 'sales.log')]);
    await admin.unsafe('SET ROLE app_owner; ALTER TABLE sales.log ADD id serial; RESET ROLE');
    const agent = (await issue([right('insert', 'sales.log')])).open();
    expect(await codeOf(agent`INSERT INTO sales.log (line) VALUES ('x')`)).toBe('ok');
  });

  it('is dropped when nobody has used it, beyond 200 spare ones', async () => {
    const { admin, issue, issuer, connection } = fixture();
    const columns = Array.from({ length: 220 }, (_, index) => `c${index}`);
    await admin.unsafe(`SET ROLE app_owner;
      CREATE TABLE sales.wide (${columns.map((column) => `${column} int`).join(', ')}); RESET ROLE`);
    const kept = await issue(
      columns.slice(0, 30).map((column) => right('select', `sales.wide(${column})`)),
    );
    const lost = await issue(columns.map((column) => right('select', `sales.wide(${column})`)));
    const count = async (): Promise<number> =>
      (await admin`SELECT FROM pg_roles WHERE rolname LIKE 'csg\\_%'`).length;
    expect(await count()).toBeGreaterThan(220);
    await issuer.revoke(connection, lost.id);
    await issuer.reap(connection, async () => new Set([kept.id]));
    expect(await count()).toBe(230);
    expect(await codeOf(kept.open()`SELECT c0 FROM sales.wide`)).toBe('ok');
  });
});
