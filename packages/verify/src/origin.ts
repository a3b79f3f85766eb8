/**
 * Whose ledger an export is: genesis names the broker and the one key that may sign its checkpoints,
 * so a claim in the header is worth only what genesis and the verifier's own pin confirm.
 */
import type { AuthorityState } from '@countersign/authority';
import { Digest, type ExportHeader } from '@countersign/contract';
import { CountersignError, inputError } from '@countersign/core';
import { type Checkpoint, openCheckpoint, parseVkey } from '@countersign/ledger';
import { ExportFault, type Finding, wholeFault } from './finding.ts';

/** What the verifier knew before: a genesis fingerprint, or a C2SP verifier key. */
export type Trust =
  | { readonly kind: 'genesis'; readonly fingerprint: string }
  | { readonly kind: 'vkey'; readonly vkey: string };

/** @throws CountersignError `invalid_request` for what is neither */
export function parseTrust(text: string): Trust {
  if (Digest.safeParse(text).success) return { kind: 'genesis', fingerprint: text };
  if (!text.includes('+')) {
    throw inputError(
      'invalid_request',
      'What to trust is a genesis fingerprint (43 characters) or a C2SP verifier key (name+id+base64).',
    );
  }
  parseVkey(text);
  return { kind: 'vkey', vkey: text };
}

/** The header's checkpoint, if the key it names has signed it. Throws ExportFault. */
export function claimedCheckpoint(header: ExportHeader): Checkpoint {
  try {
    return openCheckpoint(header.checkpoint, header.vkey);
  } catch (error) {
    if (error instanceof CountersignError) throw new ExportFault(wholeFault(error.message));
    throw error;
  }
}

/** Why this is not the ledger it claims to be, or not the one that is trusted; null when it is. */
export function originFinding(
  header: ExportHeader,
  state: AuthorityState,
  trust: Trust | null,
): Finding | null {
  if (trust?.kind === 'vkey' && trust.vkey !== header.vkey) {
    return wholeFault('The checkpoint is signed by another key than the one you trust.');
  }
  if (trust?.kind === 'genesis' && trust.fingerprint !== state.broker) {
    return wholeFault('Its genesis is not the one you trust: this is another broker.');
  }
  if (header.broker !== state.broker) {
    return wholeFault('The header names another broker than the genesis in its entries.');
  }
  if (state.ledgerKey === null) return null;
  const signedBy = Buffer.from(parseVkey(header.vkey).publicKey).toString('base64url');
  return signedBy === state.ledgerKey.x
    ? null
    : wholeFault('The checkpoint is signed by another key than the one genesis names.');
}
