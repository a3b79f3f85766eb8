/** The in-process signal behind long polls. No polling, no timers of its own beyond each waiter's end. */
import type { Changes } from './deps.ts';

export function createChanges(): Changes {
  const waiting = new Set<() => void>();
  return {
    notify() {
      const woken = [...waiting];
      waiting.clear();
      for (const wake of woken) wake();
    },
    next(ms, signal) {
      return new Promise((resolve) => {
        const done = (): void => {
          waiting.delete(done);
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener('abort', done, { once: true });
        waiting.add(done);
        if (signal.aborted) done();
      });
    },
  };
}
