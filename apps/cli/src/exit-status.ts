/** Exit statuses. They are API: scripts switch on them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  /** A statement is proposed and more humans must sign. */
  waiting: 4,
  /** Something is not what it was said to be. */
  unverified: 5,
} as const;

/** One of `EXIT`, or what a command run by `exec` returned. */
export type ExitStatus = number;
