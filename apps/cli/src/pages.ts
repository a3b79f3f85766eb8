/** Keyset pages read to the end. */
import { failed } from './failure.ts';

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const LARGEST = 500;
/** No list of a sane broker is longer; a server that never ends is not followed for ever. */
const MOST_PAGES = 200;

/** Every item of a paged list. */
export async function everyPage<T>(
  read: (query: { readonly limit: number; readonly after?: string }) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer: Page<T> = await read({ limit: LARGEST, ...(after === null ? {} : { after }) });
    items.push(...answer.items);
    if (answer.next === null) return items;
    after = answer.next;
  }
  throw failed('too_large', 'The list does not end.', 'use --json with a filter');
}
