/**
 * The key-encryption keys this server holds, in the order they were made. What is read may be under any
 * of them; what is written is under the one the ledger's head is under, which only a commit changes, so
 * that all replicas change over at one entry (Law 1).
 */
import { CountersignError, type Secret } from '@countersign/core';
import {
  deriveKek,
  doesNotOpen,
  type Kek,
  kekIdOf,
  type MacPurpose,
  type SealPurpose,
} from './kek.ts';

export class KekRing {
  #keks: readonly Kek[];

  /** @throws CountersignError `broker_unavailable` for no key, one twice, or one that is not 32 bytes */
  constructor(keys: readonly Secret<Uint8Array>[]) {
    this.#keks = derive(keys);
  }

  get keks(): readonly Kek[] {
    return this.#keks;
  }

  /** The oldest: what a new ledger begins under. */
  get first(): Kek {
    const [kek] = this.#keks;
    if (kek === undefined) throw noKey();
    return kek;
  }

  /**
   * From now on these and no others, if `needed`, found while all of them are held, is one of them; else
   * what was held before. @throws as the constructor and as `needed`, and nothing changes then
   */
  async holdIf(
    keys: readonly Secret<Uint8Array>[],
    needed: () => Promise<string>,
  ): Promise<boolean> {
    const before = this.#keks;
    const keks = derive(keys);
    let after = before;
    try {
      // The ledger may be under a key that is new here: then only the new ones can tell.
      const gone = before.filter(({ id }) => !keks.some((kek) => kek.id === id));
      this.#keks = [...gone, ...keks];
      const id = await needed();
      if (keks.some((kek) => kek.id === id)) after = keks;
    } finally {
      this.#keks = after;
    }
    return after === keks;
  }

  named(id: string): Kek | null {
    return this.#keks.find((kek) => kek.id === id) ?? null;
  }

  /** @throws CountersignError `broker_unavailable`, one message for every cause */
  async open(purpose: SealPurpose, binding: unknown, sealed: string): Promise<Uint8Array> {
    const kek = this.named(kekIdOf(sealed) ?? '');
    if (kek === null) throw doesNotOpen();
    return await kek.open(purpose, binding, sealed);
  }

  /** The key a MAC is made with; null when it is with none of ours. */
  signerOf(purpose: MacPurpose, document: unknown, mac: Uint8Array): Kek | null {
    return this.#keks.find((kek) => kek.isMac(purpose, document, mac)) ?? null;
  }
}

function derive(keys: readonly Secret<Uint8Array>[]): readonly Kek[] {
  const keks = keys.map(deriveKek);
  if (keks.length === 0) throw noKey();
  if (new Set(keks.map((kek) => kek.id)).size !== keks.length) {
    throw new CountersignError('broker_unavailable', 'A key-encryption key is given twice.');
  }
  return keks;
}

function noKey(): CountersignError {
  return new CountersignError('broker_unavailable', 'There is no key-encryption key.');
}
