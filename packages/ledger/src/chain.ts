/**
 * The chain over a ledger's authority entries: it fixes which there are and in what order, so that none can
 * be hidden from whoever folds them, in the database (its head says the chain) or in a mirror.
 */
import { hash } from 'node:crypto';

/** 32 bytes: the chain over no entries. */
export const EMPTY_CHAIN: Uint8Array = Buffer.alloc(32);

/** SHA-256(chain ‖ leaf hash). */
export function extendChain(chain: Uint8Array, leafHash: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([chain, leafHash]), 'buffer');
}
