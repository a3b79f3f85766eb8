/** Relay connections: `first`/`after`, `last`/`before`, opaque cursors, and a page size where none is asked for. */
import type { Arguments } from './args.ts';
import { optionalNumber, optionalText } from './args.ts';
import { badInput } from './errors.ts';

/** More than that in one page is refused. */
const LARGEST_PAGE = 500;

interface Identified {
  readonly id: string;
}

function cursorOf({ id }: Identified): string {
  return Buffer.from(`cursor:${id}`).toString('base64url');
}

function positionOf(nodes: readonly Identified[], cursor: string): number {
  const position = nodes.findIndex((node) => cursorOf(node) === cursor);
  if (position === -1) throw badInput('Invalid cursor');
  return position;
}

function sizeOf(args: Arguments, name: string): number | undefined {
  const size = optionalNumber(args, name);
  if (size !== undefined && (size < 0 || size > LARGEST_PAGE)) {
    throw badInput(`Error in ${name} - Invalid input`);
  }
  return size;
}

/** One page of the nodes, in GraphQL's shape of a connection. @throws bad input for a cursor of none of them. */
export function connection(nodes: readonly Identified[], args: Arguments, defaultSize: number) {
  const after = optionalText(args, 'after');
  const before = optionalText(args, 'before');
  const start = after === undefined ? 0 : positionOf(nodes, after) + 1;
  const end = before === undefined ? nodes.length : positionOf(nodes, before);
  const first = sizeOf(args, 'first');
  const last = sizeOf(args, 'last');
  const from = last === undefined ? start : Math.max(start, end - last);
  const size = first ?? (last === undefined ? defaultSize : last);
  const to = Math.max(from, Math.min(end, from + size));
  const page = nodes.slice(from, to);
  const edges = page.map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
      hasNextPage: to < nodes.length,
      hasPreviousPage: from > 0,
    },
  };
}
