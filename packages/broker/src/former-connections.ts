/**
 * A connection as it was when a lease was made. What changed since (the root credential, the endpoint) is
 * kept until nothing needs it: a lease is taken back where it was made, by whoever still can.
 */
import type { Connection } from '@countersign/authority';
import { fromInstant } from '@countersign/core';
import type { Lease } from './ports.ts';

/** What a connection was, oldest first; without what it is now. */
export function formerOf(connection: Connection): readonly Connection[] {
  return connection.former.map(({ body, setBy, since, until }) => ({
    ...connection,
    body,
    setBy,
    since,
    former: [],
    removedAt: until,
  }));
}

/** One account at one endpoint: whatever root credential it has, it takes back what another one made. */
function isSameAccount(a: Connection, b: Connection): boolean {
  return a.body.endpoint === b.body.endpoint && a.body.account === b.body.account;
}

/**
 * Where a lease may have been made; several only where two changes share a millisecond. Law 4: its decision
 * was fenced on the authority it was made under, so the times of the ledger's entries say which that was.
 */
export function madeUnder(connection: Connection, { createdAt }: Pick<Lease, 'createdAt'>) {
  const former = formerOf(connection).filter(
    ({ since, removedAt }) =>
      fromInstant(since) <= createdAt && createdAt <= fromInstant(removedAt ?? since),
  );
  const isPresent = former.length === 0 || fromInstant(connection.since) <= createdAt;
  return isPresent ? [...former, connection] : former;
}

/** As whom a lease is taken back there, in the order in which it is tried. */
export function takenBackBy(connection: Connection, made: Connection): readonly Connection[] {
  if (isSameAccount(made, connection)) return [connection];
  return made.body.endpoint === connection.body.endpoint ? [made, connection] : [made];
}

/** Whether a live lease still needs the credential that is kept for this statement. */
export function needs(connection: Connection, lease: Lease, setBy: string): boolean {
  return madeUnder(connection, lease).some(
    (made) =>
      made.setBy === setBy && (lease.state === 'pending' || !isSameAccount(made, connection)),
  );
}

/** What it was under a credential kept for this statement, where the present one does not reach. */
export function elsewhereUnder(connection: Connection, setBy: string): readonly Connection[] {
  return formerOf(connection).filter(
    (former) => former.setBy === setBy && !isSameAccount(former, connection),
  );
}
