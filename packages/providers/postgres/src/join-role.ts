/** What the account of a connection must be before it may act on a role that it made. */
import { MEMBERSHIP_OPTIONS, type Reached } from './connect.ts';
import type { Transaction } from './session.ts';

/** To end a role's sessions and take over what it owns one must be its member; a superuser is. */
export async function joinRole(tx: Transaction, reached: Reached, role: string): Promise<void> {
  if (reached.superuser) return;
  const options = reached.version >= MEMBERSHIP_OPTIONS ? ' WITH INHERIT TRUE, SET TRUE' : '';
  await tx.unsafe(`GRANT ${role} TO CURRENT_USER${options}`);
}
