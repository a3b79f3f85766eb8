/** How the broker itself asks Railway: one query, one answer of a known shape, within bounds, or a ProviderError. */
import { Secret } from '@countersign/core';
import {
  type ProviderConnection,
  ProviderError,
  type Upstream,
  type UpstreamAnswer,
} from '@countersign/provider-kit';
import { z } from 'zod';
import { ENDPOINT_PATH } from './body.ts';
import { originOf, parseConfig, type TokenKind } from './config.ts';

/** Milliseconds until the answer begins. */
const PATIENCE = 10_000;

/** Bytes. An introspection of the whole schema has less than two million. */
const LONGEST_ANSWER = 8_388_608;

/** Words in which Railway says that it does not know an id, or that the credential does not reach it. */
const NOT_THERE = /^(?:Not Authorized|[A-Za-z ]{1,40} not found)$/;

export interface Question<T> {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Of the answer's `data`. */
  readonly shape: z.ZodType<T>;
}

/** Undefined: Railway says that nothing of that id is there. @throws ProviderError */
export type Ask = <T>(question: Question<T>, signal?: AbortSignal) => Promise<T | undefined>;

const answerShape = z.object({
  data: z.unknown(),
  errors: z.array(z.object({ message: z.string() })).optional(),
});

/** The header in which a token of that kind is sent. */
export function headerOf(kind: TokenKind, credential: Secret): { name: string; value: Secret } {
  return kind === 'project'
    ? { name: 'project-access-token', value: credential }
    : {
        name: 'authorization',
        value: new Secret(credential.label, `Bearer ${credential.reveal()}`),
      };
}

/** Asks as that token at that origin. */
export function askAs(
  upstream: Upstream,
  origin: URL,
  header: { readonly name: string; readonly value: Secret },
): Ask {
  return async ({ query, variables = {}, shape }, signal = AbortSignal.timeout(PATIENCE)) => {
    const answer = await upstream.send(
      {
        method: 'POST',
        url: new URL(ENDPOINT_PATH, origin),
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: new TextEncoder().encode(JSON.stringify({ query, variables })),
      },
      header,
      { patience: PATIENCE, signal },
    );
    const text = await readWhole(answer);
    if (answer.status !== 200) {
      throw new ProviderError('unavailable', `Railway answered with status ${answer.status}.`);
    }
    return readAnswer(text, shape);
  };
}

/** Asks over a connection as humans signed it. */
export function askOver(upstream: Upstream, connection: ProviderConnection): Ask {
  const config = parseConfig(connection.config);
  return askAs(upstream, originOf(config), headerOf(config.token, connection.credential));
}

function readAnswer<T>(text: string, shape: z.ZodType<T>): T | undefined {
  let parsed: z.infer<typeof answerShape>;
  try {
    parsed = answerShape.parse(JSON.parse(text));
  } catch {
    throw misunderstood();
  }
  const { data, errors = [] } = parsed;
  if (errors.length > 0) {
    if (errors.every(({ message }) => NOT_THERE.test(message))) return undefined;
    throw new ProviderError('unavailable', 'Railway did not answer a question of the broker’s.');
  }
  const answer = shape.safeParse(data);
  if (!answer.success) throw misunderstood();
  return answer.data;
}

function misunderstood(): ProviderError {
  return new ProviderError('unavailable', 'Railway’s answer is not what its schema says.');
}

async function readWhole({ body }: UpstreamAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > LONGEST_ANSWER) throw misunderstood();
      chunks.push(chunk);
    }
  } catch (error) {
    body.destroy();
    if (error instanceof ProviderError) throw error;
    throw new ProviderError('unavailable', 'Railway’s answer broke off.');
  }
  return Buffer.concat(chunks).toString('utf8');
}
