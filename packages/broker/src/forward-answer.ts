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
import type { Ending } from './ending.ts';
import type { ForwardRequest } from './forward-caller.ts';
import type { Place } from './forward-place.ts';
import type { Proven } from './forward-proof.ts';
import { watchAuthority } from './forward-watch.ts';
import { entryIntent } from './intents.ts';
import { scrubbed, scrubText, writingsOf } from './scrubbing.ts';
import type { Decided, ForwardedAnswer } from './use-cases.ts';

/** Milliseconds until the provider has begun to answer. */
const PATIENCE = 60_000;
/** Milliseconds: what an agent reads slowly keeps nobody else from the object for longer. */
const LONGEST_HOLD = 10_000;
/** Bytes of an answer that has to be whole before any of it is shown. */
const LONGEST_CONCEALED = 1_048_576;

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
  const cutting = new AbortController();
  ending.add(() => cutting.abort('over'));
  requireStartBefore(deadline);
  if (proven.held?.lost.aborted === true) throw UNAVAILABLE();
  // From the commit on, since a provider may take its time before it answers.
  ending.add(watchAuthority(deps, sending, () => cutting.abort()));
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
  ending.add(() => answer.body.destroy());
  if (place.gateway.refused(answer.status)) await returnUses(deps, sending);
  if (isForBroker(answer.status)) {
    return await failed(deps, sending, 'provider_refused', SAID.refused, `status ${answer.status}`);
  }
  releaseSoon(proven, ending);
  return { allowed: true, decision, value: answerOf(answer, sending, cutting.signal) };
}

/** What the provider says to the broker itself: its credential is not good, or it should go elsewhere. */
function isForBroker(status: number): boolean {
  return status === 401 || status === 407 || (status >= 300 && status < 400 && status !== 304);
}

function answerOf(
  { status, headers, body }: UpstreamAnswer,
  { proven, ending }: Sending,
  cut: AbortSignal,
): ForwardedAnswer {
  const writings = writingsOf(proven.opened.credential);
  const { conceal } = proven;
  const shown = conceal === undefined ? body : concealed(body, conceal);
  async function* streamed(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of scrubbed(shown, writings)) {
        if (cut.aborted) break;
        yield chunk;
      }
      // An end that looks like one would be taken for the whole answer.
      if (cut.aborted) throw new ProviderError('unknown_outcome', 'Its authority has ended.');
    } finally {
      await ending.end();
    }
  }
  return {
    status,
    headers: Object.fromEntries(
      SHOWN_HEADERS.flatMap((name) => {
        const value = headers.get(name);
        return value === undefined ? [] : [[name, scrubText(value, writings)]];
      }),
    ),
    body: streamed(),
    close: () => void ending.end(),
  };
}

/** Only the whole answer tells what of it may be seen. */
async function* concealed(
  body: AsyncIterable<Uint8Array>,
  conceal: (answer: Uint8Array) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LONGEST_CONCEALED) throw new ProviderError('unknown_outcome', 'It is too long.');
    chunks.push(chunk);
  }
  yield conceal(Buffer.concat(chunks));
}

/** Until the end of the answer, and no longer than that takes a provider. */
function releaseSoon({ held }: Proven, ending: Ending): void {
  if (held === null) return;
  const timer = setTimeout(() => void held.release(), LONGEST_HOLD);
  ending.add(() => clearTimeout(timer));
}

const SAID = {
  refused: 'The provider refused this request as a whole. An admin can see why.',
  unavailable: 'The provider could not be reached, so nothing was done.',
  unknown:
    'The provider did not answer, and whether it was done is not known. Look before you ask again.',
} as const;

async function unanswered(
  deps: Deps,
  sending: Sending,
  error: ProviderError,
): Promise<Decided<never>> {
  switch (error.kind) {
    case 'unavailable':
      return await failed(deps, sending, 'provider_unavailable', SAID.unavailable, error.message);
    case 'unknown_outcome':
      return await failed(deps, sending, 'provider_unavailable', SAID.unknown, error.message);
    case 'refused':
    case 'misconfigured':
    case 'escape':
      return await failed(deps, sending, 'provider_refused', SAID.refused, error.message);
  }
}

async function failed(
  deps: Deps,
  { request, decision, place }: Sending,
  code: 'provider_refused' | 'provider_unavailable',
  detail: string,
  reason: string,
): Promise<Decided<never>> {
  deps.log.warn(
    { decision, connection: place.connection.id, reason },
    'a forwarded request was not answered',
  );
  return await denied(deps, {
    agent: request.caller.claims.sub,
    stage: 'forward',
    code,
    detail,
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
