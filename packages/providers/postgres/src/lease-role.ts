/**
 * Minting: one login role for one lease, in one transaction, with exactly the rights of its order.
 * Its password is made here and never crosses to the server; only its SCRAM verifier does.
 */
import { type Clock, type Random, Secret } from '@countersign/core';
import { type IssuedCredential, type LeaseOrder, ProviderError } from '@countersign/provider-kit';
import { MEMBERSHIP_OPTIONS, type Reached, type Target } from './connect.ts';
import { INSUFFICIENT_PRIVILEGE, TargetError } from './driver-error.ts';
import { findEscapes, lookAhead, lookIntoNeighbours, requireClosed } from './escapes/find.ts';
import { differences, expectedFootprint, grantStatements, readFootprint } from './footprint.ts';
import { requireGroupRole, ungrantable } from './group-role.ts';
import { leaseRole } from './names.ts';
import { revokeLease } from './revoke.ts';
import { scramVerifier } from './scram.ts';
import type { Transaction } from './session.ts';
import { plainLiteral } from './sql.ts';
import { resolveRight, type TableRight } from './target-table.ts';

/** Ports of minting. */
export interface Mint {
  readonly clock: Clock;
  readonly random: Random;
}

/** Seconds. */
export const LONGEST_LIFETIME = 86_400;

/**
 * left over: a role of this very lease is there already. not in turn: it changes access lists, which is
 * done one at a time. Nothing was changed then.
 */
type Minted = 'minted' | 'left over' | 'not in turn';

/** @throws ProviderError; `unknown_outcome` when the commit's answer was lost: revoke by lease id */
export async function issueLease(
  target: Target,
  brokerTag: string,
  order: LeaseOrder,
  { clock, random }: Mint,
): Promise<IssuedCredential> {
  const role = leaseRole(brokerTag, order.leaseId);
  requireSensible(order, clock);
  const password = new Secret(
    'postgres lease password',
    Buffer.from(random.bytes(32)).toString('base64url'),
  );
  const verifier = await scramVerifier(password.reveal(), random.bytes(16));

  const lookout = lookIntoNeighbours(target);
  const mint =
    (mayGrant: boolean) =>
    async (tx: Transaction, reached: Reached): Promise<Minted> => {
      // What a crash left of this very lease goes the way of every lease, before it is made anew.
      if ((await readFootprint(tx, role)) !== null) return 'left over';
      await lookAhead(tx, lookout);
      const rights = await resolveRights(tx, reached, target.config.database, order);
      // Rights that need a second human must not outlive the lease, so no group ever holds them.
      const direct = rights.filter(({ deleteCapable }) => deleteCapable).map(({ right }) => right);
      if (direct.length > 0 && !mayGrant) return 'not in turn';
      const groups = new Set<string>();
      for (const { right, deleteCapable } of rights) {
        if (deleteCapable) continue;
        const group = await requireGroupRole(tx, reached, brokerTag, right, mayGrant);
        if (group === null) return 'not in turn';
        groups.add(group);
      }
      order.requireStart();
      await tx.unsafe(
        [
          `CREATE ROLE ${role} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT ${order.maxConnections} VALID UNTIL ${plainLiteral(new Date(order.expiresAt).toISOString())} PASSWORD ${plainLiteral(verifier)}`,
          // Names resolve only where they are qualified, so no schema can put its own in between.
          `ALTER ROLE ${role} SET search_path = ''`,
          // In one order everywhere: two leases of the same groups must not wait for each other.
          ...[...groups].sort().map((group) => membership(reached, group, role)),
          ...grantStatements(direct, role),
        ].join('; '),
      );
      await requireExactly(tx, role, direct, [...groups]);
      // Law 3: judged last, by what the role now could do; what is open takes all of this back.
      const scope = { mode: 'lease', role, rights: rights.map(({ right }) => right) } as const;
      requireClosed(await findEscapes(tx, scope, lookout), order.acceptedEscapes);
      return 'minted';
    };
  // Most leases only join groups that are there, and wait for nobody; the others change access lists.
  let minted = await target.again(mint(false), order.requireStart).catch(waitForCatalogs);
  if (minted === 'left over') await revokeLease(target, role);
  if (minted !== 'minted') minted = await target.exclusively(mint(true), order.requireStart);
  if (minted !== 'minted') {
    throw new ProviderError('unknown_outcome', 'A role of this lease is being made elsewhere.');
  }
  const { host, port, database, sslmode } = target.config;
  return {
    kind: 'postgres',
    credential: { host, port, database, username: role, password, sslmode },
    primary: password,
  };
}

/**
 * A commit is visible a moment before the catalog caches of other sessions hear of it: a group that another
 * server has just made is then found, and not yet ours to give. The second look decides.
 */
function waitForCatalogs(error: unknown): Minted {
  if (error instanceof TargetError && error.sqlstate === INSUFFICIENT_PRIVILEGE)
    return 'not in turn';
  throw error;
}

function requireSensible(order: LeaseOrder, clock: Clock): void {
  if (order.rights.length === 0) throw new ProviderError('refused', 'A lease needs a right.');
  const lifetime = order.expiresAt - clock.now();
  if (
    !Number.isSafeInteger(order.expiresAt) ||
    lifetime <= 0 ||
    lifetime > LONGEST_LIFETIME * 1000
  ) {
    throw new ProviderError('refused', 'A lease must end in the future, within a day.');
  }
  if (
    !Number.isInteger(order.maxConnections) ||
    order.maxConnections < 1 ||
    order.maxConnections > 1000
  ) {
    throw new ProviderError('refused', 'A lease needs 1 to 1000 connections.');
  }
}

async function resolveRights(
  tx: Transaction,
  reached: Reached,
  database: string,
  order: LeaseOrder,
): Promise<readonly { readonly right: TableRight; readonly deleteCapable: boolean }[]> {
  const resolved: { readonly right: TableRight; readonly deleteCapable: boolean }[] = [];
  for (const ordered of order.rights) {
    const right = await resolveRight(tx, reached, database, ordered);
    // What PostgreSQL cannot undo is direct even if an order forgot to say so.
    const destroys = right.privilege === 'DELETE' || right.privilege === 'TRUNCATE';
    resolved.push({ right, deleteCapable: ordered.deleteCapable || destroys });
  }
  return resolved;
}

/** Without SET the lease cannot act as the group. PostgreSQL 15 knows no such option. */
function membership(reached: Reached, group: string, role: string): string {
  const options = reached.version >= MEMBERSHIP_OPTIONS ? ' WITH INHERIT TRUE, SET FALSE' : '';
  return `GRANT ${group} TO ${role}${options}`;
}

/** Law 1: what was signed is what runs. A name that moved meanwhile, or a GRANT that did nothing, ends here. */
async function requireExactly(
  tx: Transaction,
  role: string,
  direct: readonly TableRight[],
  groups: readonly string[],
): Promise<void> {
  const found = await readFootprint(tx, role);
  const expected = expectedFootprint(direct, { canLogin: true, groups });
  const wrong = found === null ? ['the role is missing'] : differences(expected, found);
  if (wrong.length > 0) throw ungrantable(direct, wrong);
}
