/** What the outside says by signals: SIGTERM is a stop, SIGINT one in a hurry, a second of either cuts. */

/** Milliseconds. A terminal and a wrapper each pass the same Ctrl-C on: that is not a second one. */
const ECHO = 1_000;

/** Resolves at the first signal; `again` is called at each later one. */
export async function untilSignalled(again: () => void): Promise<'SIGTERM' | 'SIGINT'> {
  return await new Promise((resolve) => {
    let first: number | null = null;
    const heard = (signal: 'SIGTERM' | 'SIGINT'): void => {
      const now = performance.now();
      if (first === null) resolve(signal);
      else if (now - first > ECHO) again();
      first ??= now;
    };
    process.on('SIGTERM', heard);
    process.on('SIGINT', heard);
  });
}
