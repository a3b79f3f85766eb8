/** What is wrong with a refusal, in words; a refusal is right when a client can rely on it. */
import { OAuthProblem, Problem } from '@countersign/contract';
import type { Answer } from './http-wire.ts';

/** What no refusal may show: stacks, files, SQL, parsers' own words. */
const INSIDE = /\bat .+:\d+:\d+|node_modules|\.ts\b|SELECT |SyntaxError|ZodError|undefined/;

/** Null: 4xx, of the right type, with a code of the closed lists, and nothing of the inside. */
export function complaintOf(
  answer: Answer,
  request: { readonly method: string; readonly oauth: boolean },
): string | null {
  const { status, headers, body } = answer;
  if (status < 400 || status > 499) return `answered ${status} ${body.slice(0, 200)}`;
  if (headers['cache-control'] !== 'no-store') return `${status} may be cached`;
  if (request.method === 'HEAD') return body === '' ? null : `${status} with a body`;
  const type = String(headers['content-type']);
  // The token endpoint speaks RFC 6749, once the request has reached it.
  const asOAuth = request.oauth && type === 'application/json';
  if (!asOAuth && type !== 'application/problem+json') return `${status} of type ${type}: ${body}`;
  const problem = (asOAuth ? OAuthProblem : Problem).safeParse(parsed(body));
  if (!problem.success) return `${status} without a known code: ${body.slice(0, 200)}`;
  if (problem.data.status !== status) return `${status} says it is ${problem.data.status}`;
  if (INSIDE.test(body)) return `${status} shows the inside: ${body.slice(0, 300)}`;
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
