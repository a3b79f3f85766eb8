/**
 * What the MACs of rows are taken over (Law 1): everything of a lease or an access request that never
 * changes, in one document each. Whoever edits such a row has no key to make the MAC anew.
 */
import type { NewAccessRequest, NewLease } from '@countersign/broker';
import { toInstant } from '@countersign/core';
import type { Kek } from './kek.ts';

function leaseDocument(lease: NewLease): unknown {
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

export function macOfLease(kek: Kek, lease: NewLease): Uint8Array {
  return kek.mac('lease', leaseDocument(lease));
}

/** Never throws: a row that makes no document is not what was written. */
export function isIntactLease(kek: Kek, lease: NewLease, mac: Uint8Array): boolean {
  try {
    return kek.isMac('lease', leaseDocument(lease), mac);
  } catch {
    return false;
  }
}

export function macOfRequest(kek: Kek, request: NewAccessRequest): Uint8Array {
  return kek.mac('request', requestDocument(request));
}

export function isIntactRequest(kek: Kek, request: NewAccessRequest, mac: Uint8Array): boolean {
  try {
    return kek.isMac('request', requestDocument(request), mac);
  } catch {
    return false;
  }
}

/** A one-time code as the database holds it: without the KEK nobody writes one that opens. */
export function macOfCode(kek: Kek, codeHash: string): string {
  return Buffer.from(kek.mac('code', codeHash)).toString('base64url');
}
