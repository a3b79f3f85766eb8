/**
 * Nothing but a bare ProviderError, or the refusal of a request, leaves a provider: drivers hang queries,
 * parameters and response bodies on their errors, and a cause or a stack would carry them into logs.
 */
import { ProviderError } from './error.ts';
import { RequestRefusal } from './gateway.ts';
import type { Provider } from './provider.ts';
import { wrapCalls } from './wrap.ts';

/**
 * The same provider, whose calls fail only with a ProviderError that has a kind, a message and nothing else, or a
 * RequestRefusal with its code, message and calls. An exception nobody expected becomes `unknown_outcome`, without
 * its text.
 */
export function sanitizeErrors(provider: Provider): Provider {
  return wrapCalls(provider, async (call, work) => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProviderError) throw new ProviderError(error.kind, error.message);
      if (error instanceof RequestRefusal) {
        throw new RequestRefusal(error.code, error.message, error.calls);
      }
      throw new ProviderError(
        'unknown_outcome',
        `${provider.name} failed during ${call} in a way it does not explain.`,
      );
    }
  });
}
