/**
 * How a stop goes: first nobody new is sent here (`begun`), then nobody is let in and nobody waits
 * (`closing`), and at last whatever is left is cut (`cutting`). Each implies those before it.
 */
export interface Stopping {
  readonly begun: AbortSignal;
  readonly closing: AbortSignal;
  readonly cutting: AbortSignal;
  begin(): void;
  close(): void;
  cut(): void;
}

export function createStopping(): Stopping {
  const begun = new AbortController();
  const closing = new AbortController();
  const cutting = new AbortController();
  const begin = (): void => begun.abort();
  const close = (): void => {
    begin();
    closing.abort();
  };
  return {
    begun: begun.signal,
    closing: closing.signal,
    cutting: cutting.signal,
    begin,
    close,
    cut() {
      close();
      cutting.abort();
    },
  };
}

/** Resolves after so many milliseconds, or at once when the signal aborts or has. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    // What is waited for keeps the process alive; the waiting itself does not.
    const timer = setTimeout(done, ms).unref();
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
