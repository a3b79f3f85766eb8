/** Where a request leads (Law 2): said by its path where the id stands there, else asked of the API first. */
import {
  type AnswerCache,
  ProviderError,
  RequestRefusal,
  type ResolveAsk,
  type UpstreamAnswer,
} from '@countersign/provider-kit';
import type { Placement } from './description/compiled.ts';
import { renderPath } from './description/path.ts';
import { fill, type Sources, soleReading } from './description/pattern.ts';
import { isNearlyNamed } from './description/pointer.ts';
import type { Judged } from './judged.ts';
import { renderFields } from './query.ts';

/** A GET of a path, or a query, with the name of the place that asks it. */
type Question =
  | string
  | { readonly place: string; readonly query: string; readonly variables: object };

/** The API's answer; null: it says that nothing is there. @throws ProviderError */
export type Ask = (question: Question, signal?: AbortSignal) => Promise<unknown>;

export interface Placing {
  readonly origin: string;
  readonly ask: Ask;
  readonly cache: AnswerCache;
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
  for (const { placements, sources } of judged.parts) {
    for (const placement of placements) {
      const ids = await idsOf(placement, { sources, calls: judged.calls }, placing, ask);
      for (const id of ids) found.add(id);
    }
  }
  return [...found].sort();
}

async function idsOf(
  placement: Placement,
  { sources, calls }: { readonly sources: Sources; readonly calls: Judged['calls'] },
  placing: Placing,
  ask: ResolveAsk,
): Promise<readonly string[]> {
  const question = questionOf(placement, sources, calls);
  const answer = question === null ? undefined : await answerTo(question, placing, ask);
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

/** Null: the request itself says it. */
function questionOf(
  { name, ask, query }: Placement,
  sources: Sources,
  calls: Judged['calls'],
): Question | null {
  if (ask === null) return null;
  if ('segments' in ask) {
    // Law 2: asked about the very object that is acted on, which another parameter may make another one.
    const taken = [...sources.query].filter(([each]) =>
      query.some((wanted) => isNearlyNamed(each, wanted)),
    );
    const path = renderPath(ask, sources.path);
    return taken.length === 0 ? path : `${path}?${renderFields(new Map(taken))}`;
  }
  const variables = [...ask.variables].map(([variable, place]) => {
    const [value, ...others] = soleReading(place, sources) ?? [];
    const isOne = typeof value === 'string' || Number.isSafeInteger(value);
    if (isOne && others.length === 0) return [variable, value];
    throw new RequestRefusal('environment_unproven', 'It does not say what it concerns.', calls);
  });
  return { place: name, query: ask.query, variables: Object.fromEntries(variables) };
}

async function answerTo(
  question: Question,
  { ask, cache, scope }: Placing,
  { fresh, spend }: ResolveAsk,
): Promise<unknown> {
  const key = `${scope} ${JSON.stringify(question)}`;
  // Law 2: what is delete-capable asks afresh.
  const recent = fresh ? undefined : cache.get(key);
  if (recent !== undefined) return recent.value;
  const answer = await ask(question, spend());
  if (answer !== null) cache.put(key, answer);
  return answer;
}

/**
 * The JSON of an answer with status 200; null for 404 and 410, which say that nothing is there.
 * @throws ProviderError where it has another status, is no JSON, too long, or breaks off
 */
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
