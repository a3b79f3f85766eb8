/**
 * Law 3: a native credential counts as the worst it can do at the provider. What a database leaves
 * open around the rights of a lease is found here, for one lease as it is minted or for all of them.
 */
import { type Escape, ProviderError } from '@countersign/provider-kit';
import { z } from 'zod';
import type { Target } from '../connect.ts';
import type { Transaction } from '../session.ts';
import { definitionDigest, objectName, printable } from './names.ts';
import { findOpenings, type Opening, type Scope } from './query.ts';
import { describeOpening } from './words.ts';

/** Other databases of the cluster that are looked into; what is beyond counts as open. */
const MOST_NEIGHBOURS = 20;
/** Escapes named in an error; more are counted. */
const NAMED = 5;
const LONGEST_NAMED = 160;

const Neighbour = z.object({ database: z.string(), name: z.string() });

type Lookout = (database: string) => Promise<readonly Opening[] | null>;

/**
 * Looks into the other databases of the cluster, each at most once and one after another: a mint takes one
 * more of the cluster's connections, however many databases there are. Closes what it opened.
 */
export function lookIntoNeighbours(target: Target): Lookout {
  const seen = new Map<string, Promise<readonly Opening[] | null>>();
  let before: Promise<unknown> = Promise.resolve();
  return (database) => {
    const known = seen.get(database);
    if (known !== undefined) return known;
    if (seen.size >= MOST_NEIGHBOURS) return Promise.resolve(null);
    const looking = before.then(() => lookInto(target, database));
    before = looking.catch(() => null);
    seen.set(database, looking);
    return looking;
  };
}

/**
 * Begins to look where PUBLIC may connect, so that a mint waits for it less. What counts is asked again
 * by the search itself.
 */
export async function lookAhead(tx: Transaction, lookout: Lookout): Promise<void> {
  const databases = await tx<{ name: string }[]>`
    SELECT datname AS name FROM pg_database
    WHERE datallowconn AND datname <> current_database()
      AND has_database_privilege('public', oid, 'CONNECT')
    ORDER BY datname`;
  // Whoever asks for the answer hears of a failure; nobody does where the mint itself failed first.
  for (const { name } of databases) lookout(name).catch(() => {});
}

/** Null: it could not be looked into. */
async function lookInto(target: Target, database: string): Promise<readonly Opening[] | null> {
  const neighbour = target.inDatabase(database);
  try {
    return await neighbour.transaction((tx) => findOpenings(tx, { mode: 'public' }));
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  } finally {
    await neighbour.close();
  }
}

/** Every escape of `scope`, by its name. @throws ProviderError */
export async function findEscapes(
  tx: Transaction,
  scope: Scope,
  lookout: Lookout,
): Promise<readonly Escape[]> {
  const openings = await findOpenings(tx, scope);
  const escapes = await Promise.all(
    openings.map(async (opening) =>
      opening.kind === 'neighbour' ? neighbourEscape(opening, lookout) : escapeOf(opening),
    ),
  );
  return escapes
    .filter((found) => found !== null)
    .sort((a, b) => (a.object < b.object ? -1 : a.object > b.object ? 1 : 0));
}

function escapeOf(opening: Opening): Escape {
  const object = objectName(opening.object);
  return {
    object,
    digest: definitionDigest(object, opening.definition),
    ...describeOpening(opening),
  };
}

/** What is open in another database is one escape: the way there. Null: nothing is. */
async function neighbourEscape(opening: Opening, lookout: Lookout): Promise<Escape | null> {
  const { database, name } = Neighbour.parse(opening.detail);
  const openings = await lookout(database);
  if (openings?.length === 0) return null;
  const within = openings?.map(escapeOf);
  const object = objectName(opening.object);
  const lines = within?.map((found) => `${found.object} ${found.digest}`).sort() ?? null;
  return {
    object,
    digest: definitionDigest(object, lines),
    explanation:
      within === undefined
        ? 'Every lease may connect to this database as well, and Countersign could not look into it.'
        : `Every lease may connect to this database as well, where PUBLIC may use: ${namedOf(within)}.`,
    remedy: printable(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC;`),
  };
}

/**
 * Law 3: what humans have not accepted, by name and digest, suspends the exchange.
 * @throws ProviderError `escape`, which names what is open
 */
export function requireClosed(
  escapes: readonly Escape[],
  accepted: readonly { readonly object: string; readonly digest: string }[],
): void {
  const known = new Set(accepted.map(({ object, digest }) => `${digest} ${object}`));
  const open = escapes.filter(({ object, digest }) => !known.has(`${digest} ${object}`));
  if (open.length === 0) return;
  throw new ProviderError('escape', `This database leaves open: ${namedOf(open)}.`);
}

function namedOf(escapes: readonly Escape[]): string {
  const more = escapes.length - NAMED;
  const named = escapes.slice(0, NAMED).map(({ object }) => clipped(object));
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function clipped(object: string): string {
  const characters = [...object];
  return characters.length <= LONGEST_NAMED
    ? object
    : `${characters.slice(0, LONGEST_NAMED).join('')}…`;
}
