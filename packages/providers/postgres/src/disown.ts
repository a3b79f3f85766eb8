/** What a lease's role owns and may do, in each database, until nothing names the role any more. */
import { ProviderError } from '@countersign/provider-kit';
import { type Reached, retryConflicts, type Target } from './connect.ts';
import { requireHeir } from './heir.ts';
import type { Transaction } from './session.ts';

/** Hands over what the role owns (never drops it) and takes its rights, in each database. */
export async function disown(target: Target, role: string, oid: number): Promise<void> {
  const databases = await target.transaction(async (tx) => {
    await requireNothingPrepared(tx, role);
    return await tx<{ name: string; here: boolean }[]>`
      SELECT DISTINCT b.datname AS name, b.datname = current_database() AS here
      FROM pg_shdepend d
      JOIN pg_database b ON b.oid = d.dbid OR (d.dbid = 0 AND b.datname = current_database())
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = ${oid}`;
  });
  for (const { name, here } of databases) {
    if (here) {
      await target.exclusively((tx, reached) => disownHere(tx, reached, role));
      continue;
    }
    const elsewhere = target.inDatabase(name);
    try {
      await retryConflicts(() =>
        elsewhere.transaction((tx, reached) => disownHere(tx, reached, role)),
      );
    } finally {
      await elsewhere.close();
    }
  }
}

/**
 * What a lease shared of its large objects is unshared: a right on one, given to a group role, would
 * keep that group from being used. What this account granted it takes back right by right: DROP OWNED
 * wants rights on every column of a table, which an account that may only pass DELETE on has not.
 */
async function disownHere(tx: Transaction, reached: Reached, role: string): Promise<void> {
  const handed = await tx<{ statement: string }[]>`
    SELECT format('ALTER LARGE OBJECT %s OWNER TO CURRENT_USER', o.oid) AS statement
    FROM pg_largeobject_metadata o WHERE o.lomowner = ${role}::text::regrole
    UNION ALL SELECT format('REVOKE ALL ON LARGE OBJECT %s FROM %s CASCADE', o.oid,
      CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END) AS statement
    FROM pg_largeobject_metadata o, aclexplode(o.lomacl) x
    WHERE o.lomowner = ${role}::text::regrole AND x.grantee <> o.lomowner`;
  const granted = await tx<{ statement: string }[]>`
    WITH dependency AS (
      SELECT d.classid, d.objid FROM pg_shdepend d
      WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = ${role}::text::regrole
        AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ),
    acl AS (
      SELECT '' AS columns, format('DATABASE %I', o.datname) AS object, o.datacl AS items
        FROM pg_database o JOIN dependency d ON d.classid = 'pg_database'::regclass AND d.objid = o.oid
      UNION SELECT '', format('SCHEMA %I', o.nspname), o.nspacl
        FROM pg_namespace o JOIN dependency d ON d.classid = 'pg_namespace'::regclass AND d.objid = o.oid
      UNION SELECT '', format('%s %I.%I', CASE o.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
          n.nspname, o.relname), o.relacl
        FROM pg_class o JOIN dependency d ON d.classid = 'pg_class'::regclass AND d.objid = o.oid
        JOIN pg_namespace n ON n.oid = o.relnamespace
      UNION SELECT format('(%I)', a.attname), format('TABLE %I.%I', n.nspname, o.relname), a.attacl
        FROM pg_class o JOIN dependency d ON d.classid = 'pg_class'::regclass AND d.objid = o.oid
        JOIN pg_namespace n ON n.oid = o.relnamespace JOIN pg_attribute a ON a.attrelid = o.oid
    )
    SELECT format('REVOKE %s %s ON %s FROM %I', x.privilege_type, acl.columns, acl.object, ${role}::text) AS statement
    FROM acl, aclexplode(acl.items) x
    WHERE x.grantee = ${role}::text::regrole
      AND x.grantor = (SELECT oid FROM pg_roles WHERE rolname = current_user)`;
  await tx.unsafe([...[...handed, ...granted].map(({ statement }) => statement)].join('; '));
  if (await ownsAnything(tx, role)) {
    await tx.unsafe(`REASSIGN OWNED BY ${role} TO ${await requireHeir(tx, reached, role)}`);
  }
  await tx.unsafe(`DROP OWNED BY ${role}`);
}

/** Default privileges are no object: they go with the rights. */
async function ownsAnything(tx: Transaction, role: string): Promise<boolean> {
  const owned = await tx`
    SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
      AND refobjid = ${role}::text::regrole AND deptype = 'o' AND classid <> 'pg_default_acl'::regclass
      AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))`;
  return owned.length > 0;
}

/** A prepared transaction outlives its session and keeps its locks; only humans can judge it. */
async function requireNothingPrepared(tx: Transaction, role: string): Promise<void> {
  const prepared = await tx`SELECT 1 FROM pg_prepared_xacts WHERE owner = ${role}::text`;
  if (prepared.length === 0) return;
  throw new ProviderError(
    'unavailable',
    `The role ${role} left a prepared transaction, which keeps its locks. Its login and sessions are closed. As a superuser: SELECT database, gid FROM pg_prepared_xacts WHERE owner = '${role}'; then ROLLBACK PREPARED each in its database.`,
  );
}
