/** To which project something belongs that a request says is new (Law 2): that it is nobody's is Railway's to say. */
import type { Lookup } from './lookup.ts';
import { known } from './proof.ts';

/**
 * The project, of the connection or any other that the credential reaches; undefined: Railway knows none. Never from
 * memory: what is not in a list of a moment ago may be there by now.
 * @param isNarrow the credential reaches no project but these
 */
export async function ownerOf(
  lookup: Lookup,
  projects: readonly string[],
  isNarrow: boolean,
  list: 'volumes' | 'buckets',
  id: string,
): Promise<string | undefined> {
  const others = isNarrow ? [] : known(await lookup.reachable());
  for (const project of new Set([...projects, ...others])) {
    const all = known(await lookup[list](project, true));
    if (all.some((each) => each.id === id)) return project;
  }
  return undefined;
}
