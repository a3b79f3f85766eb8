/** Operations as rows: the request, and what the record then says. */
import { expect } from 'vitest';
import type { Kinds, State } from '../../src/simulator/world/world.ts';
import { ask, bearer, effectsOf, inWords, openRental, type Railway } from './railway.ts';

export interface Row {
  readonly does: string;
  /** What is there besides the rental, put in place beside the API. */
  readonly given?: (railway: Railway) => unknown;
  readonly mutation: (railway: Railway) => string;
  /** Kind by effect, each as often as it happens; ids are left out. */
  readonly effects: readonly string[];
  /** The environments of all that happened. Default: staging alone. `fork` is the one that was made. */
  readonly reaches?: readonly ('staging' | 'production' | 'fork')[];
}

export const s = (value: string): string => JSON.stringify(value);
export const place = ({ rental }: Railway): string =>
  `projectId: ${s(rental.projectId)}, environmentId: ${s(rental.staging.id)}`;
export const instance = ({ rental }: Railway): string =>
  `serviceId: ${s(rental.services.api)}, environmentId: ${s(rental.staging.id)}`;
export const deployment = ({ simulator, rental }: Railway): string =>
  s(
    simulator.world.find(
      'deployment',
      (each) => each.environmentId === rental.staging.id && each.serviceId === rental.services.api,
    )?.id ?? '',
  );
export const backup = ({ simulator, rental }: Railway): string =>
  s(
    simulator.world.find(
      'backup',
      (each) => each.volumeInstanceId === rental.disks.bookings.staging.id,
    )?.id ?? '',
  );

export const DISK = [
  'destroyed backup',
  'destroyed backup',
  'destroyed backup-schedule',
  'destroyed volume-instance',
];
export const INSTANCE = [
  'destroyed deployment',
  'destroyed service-instance',
  'destroyed variable',
  'destroyed variable',
];
export const NEW_DEPLOYMENT = ['created deployment', 'destroyed deployment'];

/** Puts a record into the world. It is found again by `the`. */
export function put<K extends keyof State>(
  { simulator }: Railway,
  kind: K,
  record: Omit<Kinds[K], 'id' | 'createdAt' | 'updatedAt'>,
): void {
  const at = '2026-01-01T00:00:00.000Z';
  const made = { id: simulator.sequence.id(), createdAt: at, updatedAt: at };
  // The three members that were left out, and the others as they were given.
  simulator.world.put(kind, { ...record, ...made } as unknown as Kinds[K]);
}

/** The id, quoted, of the record of the kind that was made last. */
export const the = ({ simulator }: Railway, kind: keyof Kinds): string =>
  s(simulator.world.where(kind).at(-1)?.id ?? '');

const kindsIn = (words: readonly string[]): string[] =>
  words.map((word) => word.replace(/\/[^ ]*$/, '')).sort();

/** Runs a row against a fresh rental, with the account's token. */
export async function expectRow({
  given,
  mutation,
  effects,
  reaches = ['staging'],
}: Row): Promise<void> {
  const railway = openRental();
  given?.(railway);
  const { tokens, staging, production } = railway.rental;
  const happened = await effectsOf(railway, async () => {
    const query = `mutation { ${mutation(railway)} }`;
    const { errors } = await ask(railway, bearer(tokens.account), query);
    expect(errors).toEqual([]);
  });
  expect(kindsIn(inWords(happened))).toEqual([...effects].sort());
  const made = railway.simulator.world.where('environment').at(-1)?.id;
  const ids = { staging: staging.id, production: production.id, fork: made };
  const reached = new Set(happened.flatMap(({ environments }) => environments));
  expect([...reached].sort()).toEqual(reaches.map((name) => ids[name]).sort());
}
