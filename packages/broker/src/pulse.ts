/** Whether the work in the background goes round, and which of it fails: for whoever asks how things are. */

export interface Pulse {
  /** A round is over. */
  beat(): void;
  well(what: string): void;
  ill(what: string): void;
  /** Milliseconds since the last round, by the monotonic clock; null before the first. */
  since(): number | null;
  /** What failed the last time it was tried. */
  ailing(): readonly string[];
}

export function createPulse(): Pulse {
  const ailing = new Set<string>();
  let beatAt: number | null = null;
  return {
    beat() {
      beatAt = performance.now();
    },
    well: (what) => ailing.delete(what),
    ill: (what) => ailing.add(what),
    since: () => (beatAt === null ? null : performance.now() - beatAt),
    ailing: () => [...ailing].sort(),
  };
}
