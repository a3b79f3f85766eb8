/**
 * From the commit to the last byte of the answer: sent within two seconds, without the credential on its way
 * back, and no longer than the authority that it was sent on stands (Law 4).
 */
import { uuidv7 } from '@countersign/core';
import { ProviderError, type UpstreamAnswer } from '@countersign/provider-kit';
import type { At } from './decide-and-commit.ts';
import type { TargetVerdict } from './deciding.ts';
import { denied, oauthErrorOf, requireStartBefore, UNAVAILABLE } from './denying.ts';
import type { Deps } from './deps.ts';
import { createEnding, type Ending } from './ending.ts';
import type { ForwardRequest } from './forward-caller.ts';
import type { Place } from './forward-place.ts';
import type { Proven } from './forward-proof.ts';
import { watchAuthority } from './forward-watch.ts';
import { entryIntent } from './intents.ts';
import { scrubbed, scrubText, scrubWhole, writingsOf } from './scrubbing.ts';
import type { Decided, ForwardedAnswer } from './use-cases.ts';

/** Milliseconds until the provider has begun to answer; as many again until one that is handed on whole has come. */
const PATIENCE = 60_000;
/** Milliseconds: what an agent reads slowly keeps nobody else from the object for longer. */
const LONGEST_HOLD = 10_000;
/** Bytes of an answer that has to be whole before any of it is shown. */
const LONGEST_CONCEALED = 1_048_576;
/** Bytes: an answer that says it is no longer is handed on whole, which costs no stream. */
const LONGEST_WHOLE = 65_536;

/** All that an agent sees of an answer's headers. Cookies, challenges and redirects are the broker's own. */
const SHOWN_HEADERS = [
  'content-type',
  'content-language',
  'etag',
  'last-modified',
  'retry-after',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
] as const;

export interface Sending {
  readonly request: ForwardRequest;
  readonly place: Place;
  readonly proven: Proven;
  readonly allowed: TargetVerdict;
  readonly decision: string;
  /** Of `startBy`. */
  readonly deadline: number;
  readonly at: At;
  readonly ending: Ending;
}

/** @throws CountersignError `broker_unavailable` when it may not begin any more */
export async function sendOn(deps: Deps, sending: Sending): Promise<Decided<ForwardedAnswer>> {
  const { place, proven, decision, deadline, ending } = sending;
  const sent = createEnding();
  ending.add(() => sent.end());
  const cutting = new AbortController();
  sent.add(() => cutting.abort('over'));
  requireStartBefore(deadline);
  if (proven.held?.lost.aborted === true) throw UNAVAILABLE();
  // From the commit on, since a provider may take its time before it answers.
  sent.add(watchAuthority(deps, sending, () => cutting.abort()));
  let answer: UpstreamAnswer;
  try {
    answer = await deps.upstream.send(proven.outbound, place.gateway.inject(proven.opened), {
      patience: PATIENCE,
      startBefore: deadline,
      signal: cutting.signal,
    });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return await unanswered(deps, sending, error);
  }
  sent.add(() => answer.body.destroy());
  if (place.gateway.refused(answer.status)) await returnUses(deps, sending);
  if (isForBroker(answer.status)) {
    return await failed(deps, sending, { ...REFUSED, reason: `status ${answer.status}` });
  }
  releaseSoon(proven, sent);
  const value = await answerOf(answer, { proven, ending, sent, cut: cutting.signal });
  return { allowed: true, decision, value };
}

/** What the provider says to the broker itself: its credential is not good, or it should go elsewhere. */
function isForBroker(status: number): boolean {
  return status === 401 || status === 407 || (status >= 300 && status < 400 && status !== 304);
}

interface Answering {
  readonly proven: Proven;
  /** Of the whole request, its turn and its share included. */
  readonly ending: Ending;
  /** Of what is needed until the provider's last byte. */
  readonly sent: Ending;
  readonly cut: AbortSignal;
}

async function answerOf(answer: UpstreamAnswer, answering: Answering): Promise<ForwardedAnswer> {
  const { ending, proven } = answering;
  const writings = writingsOf(proven.opened.credential);
  const isWhole =
    proven.conceal !== undefined || (answer.length !== null && answer.length <= LONGEST_WHOLE);
  return {
    status: answer.status,
    headers: Object.fromEntries(
      SHOWN_HEADERS.flatMap((name) => {
        const value = answer.headers.get(name);
        return value === undefined ? [] : [[name, scrubText(value, writings)]];
      }),
    ),
    body: isWhole
      ? await wholeOf(answer, writings, answering)
      : streamed(scrubbed(answer.body, writings), answering),
    close: () => void ending.end(),
  };
}

/**
 * All of it, as far as the agent may see it. What others wait for is given back before anybody reads it; its agent's
 * share is not. What breaks off, is cut, or cannot be shown breaks off for the agent too, and keeps its status.
 */
async function wholeOf(
  { body }: UpstreamAnswer,
  writings: readonly Buffer[],
  { proven, sent, cut }: Answering,
): Promise<ForwardedAnswer['body']> {
  // By the clock alone: where the agent has gone, its share still waits for this.
  const late = setTimeout(() => body.destroy(), PATIENCE);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > LONGEST_CONCEALED) throw new ProviderError('unknown_outcome', 'It is too long.');
      chunks.push(chunk);
    }
    requireUncut(cut);
    const whole = Buffer.concat(chunks);
    // Only the whole answer tells what of it may be seen.
    const shown = proven.conceal === undefined ? whole : Buffer.from(proven.conceal(whole));
    return scrubWhole(shown, writings);
  } catch (error) {
    return brokenOff(error);
  } finally {
    clearTimeout(late);
    // Not waited for: what was done is not kept back because a database is slow to let go.
    void sent.end();
    void proven.held?.release();
  }
}

function brokenOff(error: unknown): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

async function* streamed(
  chunks: AsyncIterable<Uint8Array>,
  { ending, cut }: Answering,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of chunks) {
      if (cut.aborted) break;
      yield chunk;
    }
    requireUncut(cut);
  } finally {
    await ending.end();
  }
}

/** Law 4: what was cut never ends as if it were whole. @throws ProviderError */
function requireUncut(cut: AbortSignal): void {
  if (cut.aborted) throw new ProviderError('unknown_outcome', 'Its authority has ended.');
}

/** Until the end of the answer, and no longer than that takes a provider. */
function releaseSoon({ held }: Proven, ending: Ending): void {
  if (held === null) return;
  const timer = setTimeout(() => void held.release(), LONGEST_HOLD);
  ending.add(() => clearTimeout(timer));
}

interface Failure {
  readonly code: 'provider_refused' | 'provider_unavailable';
  readonly detail: string;
  readonly mayBeDone: boolean;
}

const REFUSED: Failure = {
  code: 'provider_refused',
  detail: 'The provider refused this request as a whole. An admin can see why.',
  mayBeDone: false,
};
const UNREACHED: Failure = {
  code: 'provider_unavailable',
  detail: 'The provider could not be reached, so nothing was done.',
  mayBeDone: false,
};
const UNKNOWN: Omit<Failure, 'mayBeDone'> = {
  code: 'provider_unavailable',
  detail:
    'The provider did not answer, and whether it was done is not known. Look before you ask again.',
};

async function unanswered(
  deps: Deps,
  sending: Sending,
  error: ProviderError,
): Promise<Decided<never>> {
  const reason = error.message;
  switch (error.kind) {
    case 'unavailable':
      return await failed(deps, sending, { ...UNREACHED, reason });
    case 'unknown_outcome':
      // What changes nothing may be asked for twice.
      return await failed(deps, sending, {
        ...UNKNOWN,
        reason,
        mayBeDone: sending.proven.mode !== 'none',
      });
    case 'refused':
    case 'misconfigured':
    case 'escape':
      return await failed(deps, sending, { ...REFUSED, reason });
  }
}

async function failed(
  deps: Deps,
  { request, decision, place }: Sending,
  { code, detail, mayBeDone, reason }: Failure & { readonly reason: string },
): Promise<Decided<never>> {
  deps.log.warn(
    { decision, connection: place.connection.id, reason },
    'a forwarded request was not answered',
  );
  return await denied(deps, {
    agent: request.caller.claims.sub,
    stage: 'forward',
    ...{ code, detail, mayBeDone },
    reason: `${detail} ${reason}`,
    oauthError: oauthErrorOf(code),
    asked: { decision },
    once: [],
  });
}

/**
 * Law 3: a use comes back only when the provider says that it refused. Of several calls a status does not say
 * which, and the others may be done.
 */
async function returnUses(
  deps: Deps,
  { request, proven, allowed, decision }: Sending,
): Promise<void> {
  if (proven.calls.length !== 1) return;
  const grants = allowed.verdict.obligations.uses.map((use) => use.grant);
  if (grants.length === 0) return;
  const body = { agent: request.caller.claims.sub, decision, uses_returned: grants };
  await deps.journal
    .commit([
      {
        ...entryIntent(uuidv7(deps.clock, deps.random), 'forward.refused', body),
        effects: [{ kind: 'return-use', grants }],
      },
    ])
    .catch((error: unknown) => {
      // The answer is there, and what was used stays used: less authority, never more.
      const reason = error instanceof Error ? error.message : 'unknown';
      deps.log.warn({ decision, reason }, 'a use did not come back');
    });
}
