/** A provider that does not answer is an answer too: late is refused (Law 5), and said in time. */
import { ProviderError } from './error.ts';
import type { Provider } from './provider.ts';
import { type ProviderCall, wrapCalls } from './wrap.ts';

/** Milliseconds for each call; a call that is not named has no deadline. */
export type Deadlines = Readonly<Partial<Record<ProviderCall, number>>>;

/**
 * The same provider, whose named calls end in time. What is late may still happen: `issue`, `revoke`,
 * `reap` and `run` then fail with `unknown_outcome`, calls that only ask with `unavailable`.
 */
export function withDeadline(provider: Provider, deadlines: Deadlines): Provider {
  return wrapCalls(provider, async (call, work) => {
    const milliseconds = deadlines[call];
    if (milliseconds === undefined) return work();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(lateError(provider.name, call, milliseconds)), milliseconds);
    });
    try {
      return await Promise.race([work(), late]);
    } finally {
      clearTimeout(timer);
    }
  });
}

function lateError(name: string, call: ProviderCall, milliseconds: number): ProviderError {
  const changes = call === 'issue' || call === 'revoke' || call === 'reap' || call === 'run';
  return new ProviderError(
    changes ? 'unknown_outcome' : 'unavailable',
    `${name} did not finish ${call} within ${milliseconds / 1000} s.`,
  );
}
