/** Under which id humans mapped an environment: forks come and go, and nobody maps them. */
import type { Lookup } from './lookup.ts';
import { known } from './proof.ts';
import type { Environment } from './shapes.ts';

/** Forks of forks of forks. */
const MOST_GENERATIONS = 5;

/**
 * A fork stands for the environment it was made from, and again for that one's, since its data comes from there. One
 * whose origin is gone stands for itself, which nobody mapped.
 */
export async function mappedIdOf(
  lookup: Lookup,
  { id, isEphemeral, sourceEnvironment }: Environment,
): Promise<string> {
  let [at, next] = [id, isEphemeral ? sourceEnvironment : null];
  for (let generation = 0; next !== null && generation < MOST_GENERATIONS; generation += 1) {
    const parent = known(await lookup.environment(next.id));
    at = parent.id;
    next = parent.isEphemeral ? parent.sourceEnvironment : null;
  }
  return next === null ? at : id;
}
