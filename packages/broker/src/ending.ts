/** What has to be given back once something is over, however it ends, and once only. */

export interface Ending {
  /** Runs at the end; at once where that has been. Must not throw. */
  add(step: () => void | Promise<void>): void;
  /** The latest first. */
  end(): Promise<void>;
}

export function createEnding(): Ending {
  const steps: (() => void | Promise<void>)[] = [];
  let isOver = false;
  return {
    add(step) {
      if (isOver) void step();
      else steps.push(step);
    },
    async end() {
      isOver = true;
      for (const step of steps.splice(0).reverse()) await step();
    },
  };
}
