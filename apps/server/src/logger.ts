/** Structured logs on stderr; stdout belongs to what people and scripts read. Secrets print as labels. */
import pino from 'pino';

export type Logger = pino.Logger;

/** Whole lines, one at a time. */
interface Lines {
  write(text: string): void;
}

export function createLogger(
  level: string,
  lines: Lines = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // An error's message may quote what it failed on; ours are sentences, others stay unsaid.
      serializers: { err: (error: unknown) => (error instanceof Error ? error.name : 'unknown') },
    },
    lines,
  );
}
