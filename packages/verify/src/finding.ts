/** What an audit found wrong: the first fault, with as much of a name as the export still gives it. */
import { isUuid } from '@countersign/core';

export interface Finding {
  /** Index of the first bad entry; null when the fault is no single entry's. */
  readonly index: number | null;
  /** The id that entry claims to have, where its bytes still say one. */
  readonly id: string | null;
  /** One sentence. */
  readonly reason: string;
  /** Where only a root differs: the change lies in these entries, both ends included. */
  readonly between?: { readonly first: number; readonly last: number };
}

/** Ends the reading of an export; caught by whoever reads, never shown as an error. */
export class ExportFault extends Error {
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.reason);
    this.name = 'ExportFault';
    this.finding = finding;
  }
}

/** A fault of one entry, its reason beginning with where it lies. */
export function entryFault(index: number, why: string, bytes?: Uint8Array): Finding {
  return {
    index,
    id: bytes === undefined ? null : claimedId(bytes),
    reason: `Entry ${index}: ${why}.`,
  };
}

/** A fault of the export as a whole. */
export function wholeFault(reason: string): Finding {
  return { index: null, id: null, reason };
}

/** The id that bytes nobody has verified claim for themselves: good for naming, for nothing else. */
export function claimedId(bytes: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    const found = typeof value === 'object' && value !== null && 'id' in value ? value.id : null;
    return typeof found === 'string' && isUuid(found) ? found : null;
  } catch {
    return null;
  }
}
