/** What a crash leaves behind is found by its name and goes the way of every lease. */
import type { Clock } from '@countersign/core';
import { ProviderError, type ReapReport } from '@countersign/provider-kit';
import type { Target } from './connect.ts';
import { joinRole } from './join-role.ts';
import {
  dryRunBegan,
  dryRunRolePrefix,
  groupRolePrefix,
  leaseIdOf,
  leaseRolePrefix,
} from './names.ts';
import { revokeLease } from './revoke.ts';
import { DRY_RUN_ENDS } from './runner.ts';

/** Group roles without members are kept for the next lease, up to this many in a database. */
const SPARE_GROUP_ROLES = 200;

/** @throws ProviderError when the target could not be searched; single failures are in the report */
export async function reapLeases(
  target: Target,
  brokerTag: string,
  live: () => Promise<ReadonlySet<string>>,
  clock: Clock,
): Promise<ReapReport> {
  const roles = await target.transaction(
    (tx) => tx<{ rolname: string }[]>`
      SELECT rolname FROM pg_roles
      WHERE starts_with(rolname::text, ${leaseRolePrefix(brokerTag)}::text) ORDER BY rolname`,
  );
  const standing = await live();
  const revoked: string[] = [];
  const failed: { readonly leaseId: string; readonly error: ProviderError }[] = [];
  for (const { rolname } of roles) {
    const leaseId = leaseIdOf(brokerTag, rolname);
    if (leaseId === null || standing.has(leaseId)) continue;
    try {
      await revokeLease(target, rolname);
      revoked.push(leaseId);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      failed.push({ leaseId, error: new ProviderError(error.kind, error.message) });
    }
  }
  await dropDryRuns(target, brokerTag, clock);
  // Tidying only: a spare group role does no harm, and what was revoked must still be reported.
  await dropSpareGroupRoles(target, brokerTag).catch(() => {});
  return failed.length === 0 ? { revoked } : { revoked, failed };
}

/** Every account sees whose sessions there are, whatever else it may not see of them. */
export async function leasesInUse(target: Target, brokerTag: string): Promise<readonly string[]> {
  const roles = await target.transaction(
    (tx) => tx<{ usename: string }[]>`
      SELECT DISTINCT usename FROM pg_stat_activity
      WHERE starts_with(usename::text, ${leaseRolePrefix(brokerTag)}::text)`,
  );
  return roles.flatMap(({ usename }) => leaseIdOf(brokerTag, usename) ?? []);
}

/** The logins of dry runs that a crash left: none lives as long as this. */
async function dropDryRuns(target: Target, brokerTag: string, clock: Clock): Promise<void> {
  const roles = await target.transaction(
    (tx) => tx<{ rolname: string }[]>`
      SELECT rolname FROM pg_roles
      WHERE starts_with(rolname::text, ${dryRunRolePrefix(brokerTag)}::text) ORDER BY rolname`,
  );
  for (const { rolname } of roles) {
    if (dryRunBegan(brokerTag, rolname) + DRY_RUN_ENDS > clock.now()) continue;
    // The next reap tries again; what was revoked must still be reported.
    await revokeLease(target, rolname).catch(() => {});
  }
}

/** Only groups of this very database: what a role may do elsewhere is not ours to see or drop. */
async function dropSpareGroupRoles(target: Target, brokerTag: string): Promise<void> {
  await target.exclusively(async (tx, reached) => {
    const spare = await tx<{ rolname: string }[]>`
      SELECT r.rolname FROM pg_roles r
      WHERE starts_with(r.rolname::text, ${groupRolePrefix(brokerTag)}::text)
        AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles l ON l.oid = m.member
          WHERE m.roleid = r.oid AND starts_with(l.rolname::text, ${leaseRolePrefix(brokerTag)}::text))
        AND EXISTS (SELECT FROM pg_shdepend d
          WHERE d.refobjid = r.oid AND d.classid = 'pg_database'::regclass
            AND d.objid = ${reached.databaseOid})
        AND NOT EXISTS (SELECT FROM pg_shdepend d
          WHERE d.refobjid = r.oid AND ((d.deptype = 'o' AND d.classid <> 'pg_default_acl'::regclass)
            OR d.dbid NOT IN (0, ${reached.databaseOid})))
      ORDER BY r.rolname OFFSET ${SPARE_GROUP_ROLES}`;
    for (const { rolname } of spare) {
      await joinRole(tx, reached, rolname);
      await tx.unsafe(`DROP OWNED BY ${rolname}; DROP ROLE ${rolname}`);
    }
  });
}
