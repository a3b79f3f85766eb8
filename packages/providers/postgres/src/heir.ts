/** Who gets what leases leave behind: one role for each broker, which may do nothing at all. */
import { ProviderError } from '@countersign/provider-kit';
import type { Reached } from './connect.ts';
import { differences, expectedFootprint, readFootprint } from './footprint.ts';
import { joinRole } from './join-role.ts';
import { heirRole } from './names.ts';
import type { Transaction } from './session.ts';

/**
 * Where a database lets a lease create what holds code (a function, a view, a trigger), that runs with the
 * rights of its owner. Law 3: so its heir is a role that has none, and never the account of the connection.
 * @throws ProviderError `misconfigured` when somebody gave the heir rights
 */
export async function requireHeir(
  tx: Transaction,
  reached: Reached,
  role: string,
): Promise<string> {
  const heir = heirRole(role);
  if ((await readFootprint(tx, heir)) === null) {
    await tx.unsafe(
      `CREATE ROLE ${heir} NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`,
    );
  }
  const found = await readFootprint(tx, heir);
  const expected = expectedFootprint([], { canLogin: false });
  // What it owns it got from leases; what it may do beyond is somebody else's doing.
  const wrong = [
    ...(found === null ? ['it is missing'] : []),
    ...differences(expected, {
      attributes: found?.attributes ?? [],
      memberships: found?.memberships ?? [],
      dependencies: (found?.dependencies ?? []).filter((line) => !line.endsWith('/o')),
      privileges: [],
    }),
  ];
  if (wrong.length > 0) {
    throw new ProviderError(
      'misconfigured',
      `The role ${heir}, which gets what leases leave, must have no rights, and has some (${wrong.slice(0, 10).join(', ')}). Inspect: SELECT deptype, pg_describe_object(classid, objid, objsubid) FROM pg_shdepend WHERE refobjid = '${heir}'::regrole; SELECT roleid::regrole FROM pg_auth_members WHERE member = '${heir}'::regrole; take them away and the next attempt goes on.`,
    );
  }
  await joinRole(tx, reached, heir);
  return heir;
}
