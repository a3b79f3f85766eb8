/** What a place is, and the words in which what is not proven is refused (Law 2). */
import { RequestRefusal } from '@countersign/provider-kit';
import type { Environment } from './shapes.ts';

export interface Placed {
  readonly project: string;
  /** Their own ids, forks too. */
  readonly environments: readonly Environment[];
}

/** Law 2: an environment that the credential cannot look into may hold anything. */
export function requireAccess({ canAccess }: Environment): void {
  if (canAccess) return;
  throw new RequestRefusal(
    'environment_unproven',
    'The broker’s own credential cannot look into an environment that this may reach.',
  );
}

export async function filtered<T>(
  all: readonly T[],
  holds: (one: T) => Promise<boolean>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const each of all) if (await holds(each)) found.push(each);
  return found;
}

export function known<T>(answer: T | undefined): T {
  if (answer === undefined) throw notKnown();
  return answer;
}

export function notKnown(): RequestRefusal {
  return new RequestRefusal(
    'environment_mismatch',
    'It names an id that is not known in the projects of this connection.',
  );
}

export function notTogether(): RequestRefusal {
  return new RequestRefusal(
    'environment_mismatch',
    'It names things together that do not belong together.',
  );
}
