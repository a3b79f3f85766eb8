/** Work that may be told to end by any of several signals, one of which lives as long as the process. */

/**
 * Runs `work` with a signal that aborts as soon as one of these does. Unlike `AbortSignal.any` it leaves
 * nothing behind at a signal that outlives the work. Rejects as `work` does.
 */
export async function whileOpen<T>(
  signals: readonly AbortSignal[],
  work: (open: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const listeners = signals.map((signal) => {
    const end = () => either.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    return { signal, end };
  });
  try {
    return await work(either.signal);
  } finally {
    for (const { signal, end } of listeners) signal.removeEventListener('abort', end);
  }
}
