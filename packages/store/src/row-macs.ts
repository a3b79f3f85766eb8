/**
 * What the MACs of rows are taken over (Law 1): everything of a lease or an access request that never
 * changes, in one document each. Whoever edits such a row has no key to make the MAC anew.
 */
import type { Lease, NewAccessRequest, NewLease } from '@countersign/broker';
import { toInstant } from '@countersign/core';
import type { Kek } from './kek.ts';
import type { KekRing } from './kek-ring.ts';

/** A lease as it begins: the time says as what its connection was then, and so where it is taken back. */
type BegunLease = NewLease & Pick<Lease, 'createdAt'>;

function leaseDocument(lease: BegunLease): unknown {
  return {
    id: lease.id,
    agent: lease.agent,
    connection: lease.connection,
    environment: lease.environment,
    grants: [...lease.grants],
    rights: lease.rights.map(({ operation, resource, deleteCapable }) => ({
      operation,
      resource,
      deleteCapable,
    })),
    decision: lease.decision,
    created_at: toInstant(lease.createdAt),
    expires_at: toInstant(lease.expiresAt),
  };
}

function requestDocument(request: NewAccessRequest): unknown {
  return {
    id: request.id,
    agent: request.agent,
    details: request.details.map((detail) => ({ ...detail })),
    reason: request.reason,
    sender: request.sender,
    created_at: toInstant(request.createdAt),
  };
}

export function macOfLease(kek: Kek, lease: BegunLease): Uint8Array {
  return kek.mac('lease', leaseDocument(lease));
}

/** The key a lease's MAC is made with; null for a row that is not what was written. Never throws. */
export function signerOfLease(ring: KekRing, lease: BegunLease, mac: Uint8Array): Kek | null {
  try {
    return ring.signerOf('lease', leaseDocument(lease), mac);
  } catch {
    return null;
  }
}

export function macOfRequest(kek: Kek, request: NewAccessRequest): Uint8Array {
  return kek.mac('request', requestDocument(request));
}

/** As `signerOfLease`. */
export function signerOfRequest(
  ring: KekRing,
  request: NewAccessRequest,
  mac: Uint8Array,
): Kek | null {
  try {
    return ring.signerOf('request', requestDocument(request), mac);
  } catch {
    return null;
  }
}

/** As `signerOfLease`; what the MAC covers is the document that stands beside it. */
export function signerOfSnapshot(ring: KekRing, document: string, mac: Uint8Array): Kek | null {
  try {
    return ring.signerOf('snapshot', JSON.parse(document), mac);
  } catch {
    return null;
  }
}

/** A one-time code as the database holds it: without the KEK nobody writes one that opens. */
export function macOfCode(kek: Kek, codeHash: string): string {
  return Buffer.from(kek.mac('code', codeHash)).toString('base64url');
}

/** What the database may hold for a code, while keys overlap. */
export function macsOfCode(ring: KekRing, codeHash: string): string[] {
  return ring.keks.map((kek) => macOfCode(kek, codeHash));
}

/** The hash of a code, kept so that its MAC can be made anew under the next key. */
export function keepCode(kek: Kek, codeHash: string): Promise<string> {
  return kek.seal('kept', KEPT_CODE, Buffer.from(codeHash, 'utf8'));
}

/** @throws CountersignError `broker_unavailable` when it does not open */
export async function openKeptCode(ring: KekRing, sealed: string): Promise<string> {
  return Buffer.from(await ring.open('kept', KEPT_CODE, sealed)).toString('utf8');
}

const KEPT_CODE = { v: 1, purpose: 'one-time-code' };
