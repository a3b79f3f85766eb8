/** A read whose secrets are taken out of the answer shows none (domain: such a read counts as one). */
import { ProviderError } from '@countersign/provider-kit';
import { parsePointer } from './description/pointer.ts';

const REDACTED = '[redacted]';

/**
 * What an agent may see of a whole answer: JSON with `[redacted]` at each pointer (RFC 6901, and `*` for every
 * element). It throws a ProviderError where that cannot be told: then nothing is shown.
 */
export function redacting(pointers: readonly string[]): (answer: Uint8Array) => Uint8Array {
  const places = pointers.map((pointer) => parsePointer(pointer) ?? []);
  return (answer) => {
    if (answer.length === 0) return answer;
    let document: unknown;
    try {
      document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer));
    } catch {
      throw new ProviderError('unknown_outcome', 'The answer is not JSON, so none of it is shown.');
    }
    const shown = places.reduce<unknown>((whole, place) => without(whole, place), document);
    return new TextEncoder().encode(JSON.stringify(shown));
  };
}

function without(document: unknown, [token, ...rest]: readonly string[]): unknown {
  if (token === undefined) return document === null || document === undefined ? document : REDACTED;
  if (Array.isArray(document)) {
    // What is one thing in one answer is a list of them in another.
    if (token !== '*' && !/^\d+$/.test(token)) {
      return document.map((each: unknown) => without(each, [token, ...rest]));
    }
    return document.map((each: unknown, at) =>
      token === '*' || token === String(at) ? without(each, rest) : each,
    );
  }
  if (typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [
      name,
      token === '*' || token === name ? without(value, rest) : value,
    ]),
  );
}
