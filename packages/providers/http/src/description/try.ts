/** The examples of a description: each request with what it has to be, and what it is. */
import {
  AnswerCache,
  type InboundRequest,
  ProviderError,
  RequestRefusal,
} from '@countersign/provider-kit';
import { judgeRequest } from '../classify.ts';
import { resolvePlaces } from '../resolve.ts';
import type { Compiled } from './compiled.ts';
import type { Example } from './shape.ts';

export interface Tried {
  readonly request: string;
  readonly ok: boolean;
  /** Operations, resources and environment, or the refusal, in words. */
  readonly expected: string;
  readonly found: string;
  /** The refusal's own sentence. */
  readonly detail: string | null;
}

/** Each example in its order, judged as the gateway would, with answers of its own in the API's place. */
export async function tryExamples(
  compiled: Compiled,
  examples: readonly Example[],
): Promise<readonly Tried[]> {
  return await Promise.all(examples.map((example) => tryExample(compiled, example)));
}

async function tryExample(compiled: Compiled, example: Example): Promise<Tried> {
  const { request, expect } = example;
  const found = await verdictOn(compiled, example);
  const expected =
    'refused' in expect
      ? { refused: expect.refused }
      : {
          operations: expect.operations.toSorted(),
          resources: expect.resources?.toSorted(),
          environment: expect.environment?.toSorted(),
        };
  const isSame =
    'refused' in expected
      ? 'refused' in found && found.refused === expected.refused
      : !('refused' in found) &&
        isEqual(expected.operations, found.operations) &&
        (expected.resources === undefined || isEqual(expected.resources, found.resources)) &&
        (expected.environment === undefined || isEqual(expected.environment, found.environment));
  return {
    request,
    ok: isSame,
    expected: inWords(expected),
    found: inWords(found),
    detail: 'refused' in found ? found.detail : null,
  };
}

type Verdict =
  | { readonly refused: string; readonly detail: string }
  | {
      readonly operations: readonly string[];
      readonly resources: readonly string[];
      readonly environment: readonly string[];
    };

async function verdictOn(compiled: Compiled, example: Example): Promise<Verdict> {
  try {
    const judged = judgeRequest(compiled, compiled.origin, inboundOf(compiled, example));
    const environment = await resolvePlaces(
      judged,
      {
        origin: compiled.origin,
        ask: async (question) =>
          example.answers?.[typeof question === 'string' ? question : question.place] ?? null,
        cache: new AnswerCache({ now: () => 0 }),
        scope: '',
      },
      { fresh: true, spend: () => new AbortController().signal },
    );
    const prefix = compiled.description.name.length + 1;
    return {
      operations: unique(judged.calls.map(({ operation }) => operation.slice(prefix))),
      resources: unique(judged.calls.map(({ resource }) => resource)),
      environment,
    };
  } catch (error) {
    if (error instanceof RequestRefusal) return { refused: error.code, detail: error.message };
    if (error instanceof ProviderError) {
      return { refused: 'environment_unproven', detail: error.message };
    }
    throw error;
  }
}

function inboundOf(compiled: Compiled, { request, body }: Example): InboundRequest {
  const [method = '', target = ''] = request.split(' ');
  const at = target.indexOf('?');
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = contentTypeOf(compiled, body);
  return {
    method,
    path: at < 0 ? target : target.slice(0, at),
    query: at < 0 ? null : target.slice(at + 1),
    headers: new Map(type === null ? [] : [['content-type', type]]),
    body: new TextEncoder().encode(text),
  };
}

/** A body that is text is a form, or bytes of the first type that some operation takes. */
function contentTypeOf({ description }: Compiled, body: unknown): string | null {
  if (body === undefined) return null;
  if (typeof body !== 'string') return 'application/json';
  const bodies = description.operations.flatMap((each) => each.body ?? []);
  const bytes = bodies.find((each) => each.type === 'bytes');
  return bodies.some((each) => each.type === 'form') || bytes?.type !== 'bytes'
    ? 'application/x-www-form-urlencoded'
    : (bytes.content[0] ?? null);
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each, at) => each === other[at]);
}

function inWords(
  verdict:
    | { readonly refused: string }
    | {
        readonly operations: readonly string[];
        readonly resources?: readonly string[] | undefined;
        readonly environment?: readonly string[] | undefined;
      },
): string {
  if ('refused' in verdict) return `refused: ${verdict.refused}`;
  const { operations, resources, environment } = verdict;
  return [
    operations.join(', '),
    ...(resources === undefined ? [] : [`on ${resources.join(', ')}`]),
    ...(environment === undefined
      ? []
      : [environment.length === 0 ? 'in no environment' : `in ${environment.join(', ')}`]),
  ].join(' ');
}
