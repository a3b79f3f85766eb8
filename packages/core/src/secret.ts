import { inspect } from 'node:util';

/**
 * A value that cannot be printed. However it is rendered (template, JSON, inspect, logger) only its
 * label shows; `reveal` is the one place it opens, so that every opening can be found by name.
 */
export class Secret<T extends string | Uint8Array = string> {
  readonly #value: T;
  readonly label: string;

  constructor(label: string, value: T) {
    this.label = label;
    this.#value = value;
  }

  /** Opens the secret. Callers hand the result straight to what needs it and keep no copy. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return `[secret ${this.label}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.toPrimitive](): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
