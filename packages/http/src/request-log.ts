/** One line a request, and what went wrong inside: never bodies, tokens, queries, or raw paths. */
import { type Code, CountersignError } from '@countersign/core';

export interface RequestFields {
  readonly requestId: string;
  /** A method HTTP knows, or OTHER. */
  readonly method: string;
  /** The route's template; null when no route has that path. */
  readonly route: string | null;
  readonly status: number;
  /** Milliseconds until the answer began. */
  readonly durationMs: number;
  readonly code: Code | null;
  readonly decision: string | null;
  readonly agent: string | null;
  readonly human: string | null;
}

export interface ErrorFields {
  readonly requestId: string;
  readonly route: string | null;
  /** Names of the error and its causes, outermost first, each with a machine-readable code if it has one. */
  readonly errors: readonly string[];
  /** Where it was thrown: the innermost cause's frames, without its message. */
  readonly frames: readonly string[];
}

export interface RequestLog {
  request(fields: RequestFields): void;
  error(fields: ErrorFields): void;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];
const MAX_CAUSES = 5;
const MAX_FRAMES = 20;

export function loggableMethod(method: string): string {
  return METHODS.includes(method) ? method : 'OTHER';
}

/**
 * An error without its words: messages of drivers and providers quote parameters, secrets included,
 * so only names, codes and stack frames are kept. A CountersignError is ours and says what it is.
 */
export function withoutWords(error: unknown): Pick<ErrorFields, 'errors' | 'frames'> {
  const errors: string[] = [];
  let frames: readonly string[] = [];
  let present: unknown = error;
  for (let depth = 0; present instanceof Error && depth < MAX_CAUSES; depth += 1) {
    errors.push(nameOf(present));
    frames = framesOf(present);
    present = present.cause;
  }
  return { errors: errors.length === 0 ? [typeof error] : errors, frames };
}

function nameOf(error: Error): string {
  // Ours are sentences without secrets; everyone else's words stay unsaid.
  if (error instanceof CountersignError) return `${error.name} ${error.code}: ${error.message}`;
  const name = identifier(error.name) ?? 'Error';
  const code = 'code' in error ? identifier(error.code) : null;
  return code === null ? name : `${name} ${code}`;
}

function identifier(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9_]{1,48}$/.test(value) ? value : null;
}

function framesOf(error: Error): readonly string[] {
  const stack = error.stack ?? '';
  // The message may span lines and may look like a frame: cut it away as a whole first.
  const at = stack.indexOf(error.message);
  if (at < 0) return [];
  return stack
    .slice(at + error.message.length)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^at .*:\d+:\d+\)?$/.test(line))
    .slice(0, MAX_FRAMES);
}
