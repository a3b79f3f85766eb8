/**
 * A login for one script: a member of the schema's owner that inherits nothing, so whatever the script
 * resets itself to is this role, which can do nothing. It goes the way of every lease.
 */
import { type Random, Secret } from '@countersign/core';
import { ProviderError } from '@countersign/provider-kit';
import { MEMBERSHIP_OPTIONS, type Reached, type Target } from './connect.ts';
import { INSUFFICIENT_PRIVILEGE, TargetError } from './driver-error.ts';
import { requireHarmlessOwner, type SchemaOwner } from './owner.ts';
import { scramVerifier } from './scram.ts';
import { identifier, plainLiteral } from './sql.ts';

export interface OwnerLogin {
  readonly password: Secret;
  readonly owner: SchemaOwner;
  readonly reached: Reached;
}

/** @throws ProviderError; after `requireStart` was called the role may exist: revoke it */
export async function makeOwnerLogin(
  target: Target,
  role: string,
  order: {
    readonly resource: string;
    readonly signed: boolean;
    /** Milliseconds since the epoch. */
    readonly expiresAt: number;
    readonly requireStart: () => void;
  },
  random: Random,
): Promise<OwnerLogin> {
  const password = new Secret(
    'postgres script password',
    Buffer.from(random.bytes(32)).toString('base64url'),
  );
  const verifier = await scramVerifier(password.reveal(), random.bytes(16));
  return await target.exclusively(async (tx, reached) => {
    const owner = await requireHarmlessOwner(tx, reached, order.resource, order);
    order.requireStart();
    await tx.unsafe(
      [
        `CREATE ROLE ${role} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 1 VALID UNTIL ${plainLiteral(new Date(order.expiresAt).toISOString())} PASSWORD ${plainLiteral(verifier)}`,
        `ALTER ROLE ${role} SET search_path = ''`,
        `GRANT CONNECT ON DATABASE ${identifier(target.config.database)} TO ${role}`,
      ].join('; '),
    );
    const options = reached.version >= MEMBERSHIP_OPTIONS ? ' WITH INHERIT FALSE, SET TRUE' : '';
    try {
      await tx.unsafe(`GRANT ${owner.role} TO ${role}${options}`);
    } catch (error) {
      throw isDenied(error) ? noAdminOption(owner, target.config.username) : error;
    }
    return { password, owner, reached };
  });
}

function isDenied(error: unknown): boolean {
  const code = error instanceof TargetError ? error.sqlstate : Reflect.get(Object(error), 'code');
  return code === INSUFFICIENT_PRIVILEGE;
}

function noAdminOption(owner: SchemaOwner, username: string): ProviderError {
  return new ProviderError(
    'misconfigured',
    `The role of this connection may not lend the rights of ${owner.name}, the owner of the schema. As a superuser: GRANT ${owner.role} TO ${identifier(username)} WITH ADMIN OPTION;`,
  );
}
