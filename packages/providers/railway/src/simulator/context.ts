/** What an operation works with: the world, who asks, the clock, and new ids and secrets. */

import { createHash } from 'node:crypto';
import type { Clock } from '@countersign/core';
import { toInstant } from '@countersign/core';
import type { Arguments } from './args.ts';
import type { Caller } from './caller.ts';
import type { Stored } from './world/records.ts';
import type { Kinds, World } from './world/world.ts';

/** Ids and secrets that are the same in every run from one seed. */
export class Sequence {
  readonly #seed: string;
  #next = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  #digest(): Buffer {
    this.#next += 1;
    return createHash('sha256').update(`${this.#seed}/${this.#next}`).digest();
  }

  /** In the form of a version 4 UUID. */
  id(): string {
    const bytes = this.#digest();
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString('hex', 0, 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  secret(): string {
    return this.#digest().toString('base64url');
  }
}

export interface Context {
  readonly world: World;
  readonly caller: Caller;
  readonly clock: Clock;
  readonly sequence: Sequence;
  /** Milliseconds between `volumeDelete` and the end of the data. */
  readonly volumeDeletionGrace: number;
  readonly defaultPageSize: number;
  readonly requestsLeft: () => { readonly remaining: number; readonly resetsAt: string };
}

/** One root field: its arguments, and what it works with. Returns what GraphQL then selects from. */
type Operation = (args: Arguments, context: Context) => unknown;

export type Operations = Readonly<Record<string, Operation>>;

export function now({ clock }: Pick<Context, 'clock'>): string {
  return toInstant(clock.now());
}

/** A record's first three members. */
export function stamp(context: Pick<Context, 'clock' | 'sequence'>): Stored {
  const at = now(context);
  return { id: context.sequence.id(), createdAt: at, updatedAt: at };
}

/** Writes the record with some members changed, and returns it. */
export function change<K extends keyof Kinds>(
  context: Pick<Context, 'world' | 'clock'>,
  kind: K,
  record: Kinds[K],
  changed: Partial<Kinds[K]>,
): Kinds[K] {
  return context.world.put(kind, { ...record, ...changed, updatedAt: now(context) });
}
