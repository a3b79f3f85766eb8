/** What drafts have in common, whatever document they are made from: how they are asked for, how long, in which text. */
import { type Description, MOST_OPERATIONS } from './shape.ts';

export interface Imported {
  readonly description: Description;
  /** Operations that are left out, and why. */
  readonly skipped: readonly { readonly request: string; readonly reason: string }[];
}

/** How a draft is to be called, and where the API is. */
export interface ImportOptions {
  readonly name: string;
  /** Null: the first of its servers. */
  readonly base: string | null;
}

/** Before anything is drafted of it: what is drafted is held against everything else. @throws Error */
export function requireFew(operations: readonly unknown[]): void {
  if (operations.length > 2 * MOST_OPERATIONS) {
    throw new Error(
      `It has more operations than the ${MOST_OPERATIONS} that one description holds.`,
    );
  }
}

/** Text of a document as one line that steers no terminal, of at most so many characters; `-` where there is none. */
export function line(text: string, most: number): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain === '' ? '-' : plain;
}
