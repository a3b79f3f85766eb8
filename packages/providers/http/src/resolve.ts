/** Where a request leads (Law 2): said by its path where the id stands there, else asked of the API first. */
import {
  ProviderError,
  RequestRefusal,
  type ResolveAsk,
  type UpstreamAnswer,
} from '@countersign/provider-kit';
import type { Cache } from './cache.ts';
import type { Judged } from './classify.ts';
import type { Placement } from './description/compile.ts';
import { renderPath } from './description/path.ts';
import { fill } from './description/pattern.ts';

/** The API's answer to a GET of a path; null: it says that nothing is there. @throws ProviderError */
export type Ask = (path: string, signal?: AbortSignal) => Promise<unknown>;

export interface Placing {
  readonly origin: string;
  readonly ask: Ask;
  readonly cache: Cache;
  /** Of the cache: one credential. */
  readonly scope: string;
}

/** There was an answer, and it proves nothing. */
export class NotUnderstood extends ProviderError {}

/** Bytes of an answer to the broker itself. */
const LONGEST_ANSWER = 1_048_576;

/** Provider ids, ascending, each once. @throws RequestRefusal, ProviderError */
export async function resolvePlaces(
  judged: Judged,
  placing: Placing,
  ask: ResolveAsk,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const placement of judged.placements) {
    for (const id of await idsOf(placement, judged, placing, ask)) found.add(id);
  }
  return [...found].sort();
}

async function idsOf(
  placement: Placement,
  { sources, calls }: Judged,
  placing: Placing,
  ask: ResolveAsk,
): Promise<readonly string[]> {
  const answer =
    placement.ask === null
      ? undefined
      : await answerTo(renderPath(placement.ask, sources.path), placing, ask);
  if (answer === null) {
    throw new RequestRefusal('environment_mismatch', 'What it concerns is not there.', calls);
  }
  const ids = fill(placement.id, { ...sources, answer });
  if (ids !== null) return ids;
  throw new RequestRefusal(
    'environment_unproven',
    `Where it leads is not said as ${placement.id.text}.`,
    calls,
  );
}

async function answerTo(
  path: string,
  { ask, cache, scope }: Placing,
  { fresh, spend, signal }: ResolveAsk,
): Promise<unknown> {
  const key = `${scope} ${path}`;
  const recent = fresh ? undefined : cache.get(key);
  if (recent !== undefined) return recent.value;
  spend();
  const answer = await ask(path, signal);
  if (answer !== null) cache.put(key, answer);
  return answer;
}

/** @throws ProviderError where it is no JSON, too long, or breaks off */
export async function readAnswer({ status, body }: UpstreamAnswer): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > LONGEST_ANSWER) throw misunderstood();
      chunks.push(chunk);
    }
  } finally {
    body.destroy();
  }
  if (status === 404 || status === 410) return null;
  if (status !== 200) {
    const kind = status === 401 || status === 403 ? 'refused' : 'unavailable';
    throw new NotUnderstood(kind, `The API answered with status ${status}.`);
  }
  try {
    const document: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (document !== null) return document;
  } catch {
    // Said below.
  }
  throw misunderstood();
}

function misunderstood(): ProviderError {
  return new NotUnderstood('unavailable', 'The API’s answer is not JSON, or too long.');
}
