/** Railway lists in pages, and proof needs the last of them: what was not seen may stand in another environment. */
import { ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';

const MOST_PAGES = 50;

/** The arguments of every list that is asked for, and the part that leads to the next page. */
export const PAGE_SIZE = 100;
export const PAGE_INFO = 'pageInfo{hasNextPage endCursor}';

export interface Page<T> {
  readonly edges: readonly { readonly node: T }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

export function pageOf<T>(node: z.ZodType<T>): z.ZodType<Page<T>> {
  return z.object({
    edges: z.array(z.object({ node })),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  });
}

/**
 * Every node of every page. Undefined where any page is.
 * @throws ProviderError `unavailable` when pages do not end
 */
export async function everyNode<T>(
  pageAfter: (cursor: string | null) => Promise<Page<T> | undefined>,
): Promise<readonly T[] | undefined> {
  const nodes: T[] = [];
  const cursors = new Set<string>();
  let cursor: string | null = null;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const page: Page<T> | undefined = await pageAfter(cursor);
    if (page === undefined) return undefined;
    nodes.push(...page.edges.map(({ node }) => node));
    if (!page.pageInfo.hasNextPage) return nodes;
    cursor = page.pageInfo.endCursor;
    if (cursor === null || cursors.has(cursor)) break;
    cursors.add(cursor);
  }
  throw new ProviderError('unavailable', 'A list at Railway does not end.');
}
