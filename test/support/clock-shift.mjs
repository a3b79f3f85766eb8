// Preloaded into a server process: its wall clock is off by as many seconds as a file says (`+7`). The
// monotonic clock and timers stay what they are, as when an operator or NTP sets a real clock.
import { readFileSync } from 'node:fs';

const file = process.env.TEST_CLOCK_SHIFT_FILE ?? '';
const TrueDate = Date;

function now() {
  return TrueDate.now() + Math.round(Number(readFileSync(file, 'utf8')) * 1000);
}

globalThis.Date = class extends TrueDate {
  constructor(...given) {
    if (given.length === 0) super(now());
    else super(...given);
  }

  static now() {
    return now();
  }
};
