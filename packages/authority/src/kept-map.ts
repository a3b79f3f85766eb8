/**
 * A map of the state as a snapshot keeps it: every key, in its order, and each value as a text that is read
 * when somebody asks for it. What nobody asks for costs a start no time, and little memory after it.
 */

/** A run of a map's entries. */
export interface KeptPart {
  readonly keys: readonly string[];
  /** A text for each key. Reading them may take a while: they may be compressed. */
  texts(): readonly string[];
}

/** Stands in the place of the values of its part until they are asked for. Nothing hands it out. */
class Unread {
  readonly part: KeptPart;

  constructor(part: KeptPart) {
    this.part = part;
  }
}

export class KeptMap<V> extends Map<string, V> {
  readonly #read: (text: string) => V;
  /** The part that was opened last: neighbours are asked for together. */
  #open: { readonly part: KeptPart; readonly texts: readonly string[] } | null = null;

  constructor(read: (text: string) => V) {
    super();
    this.#read = read;
  }

  keep(part: KeptPart): void {
    const unread = new Unread(part);
    for (const key of part.keys) this.#put(key, unread);
  }

  override get(key: string): V | undefined {
    const held = this.#held(key);
    if (!(held instanceof Unread)) return held;
    const value = this.#read(this.#textOf(key, held));
    this.set(key, value);
    return value;
  }

  override *entries(): MapIterator<[string, V]> {
    for (const key of this.keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  override [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  override forEach(work: (value: V, key: string, map: Map<string, V>) => void): void {
    for (const [key, value] of this.entries()) work(value, key, this);
  }

  /** The same entries, with nothing read; a step for each. The map stands still until the end. */
  *copying(): Generator<void, KeptMap<V>> {
    const copy = new KeptMap(this.#read);
    for (const [key, held] of super.entries()) {
      copy.#put(key, held);
      yield;
    }
    return copy;
  }

  /** Every entry as text, without reading what is text still. */
  *texts(write: (value: V) => string): Generator<readonly [key: string, text: string]> {
    for (const key of this.keys()) {
      const held = this.#held(key);
      if (held instanceof Unread) yield [key, this.#textOf(key, held)];
      else if (held !== undefined) yield [key, write(held)];
    }
  }

  #textOf(key: string, { part }: Unread): string {
    if (this.#open?.part !== part) this.#open = { part, texts: part.texts() };
    const text = this.#open.texts[part.keys.indexOf(key)];
    if (text === undefined) throw new Error('a part of a snapshot has a key without a text');
    return text;
  }

  // Map has no room for values and their places in one order, so both are put where V says values are.
  #put(key: string, held: V | Unread): void {
    super.set(key, held as V);
  }

  #held(key: string): V | Unread | undefined {
    return super.get(key);
  }
}
