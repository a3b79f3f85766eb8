// Preloaded into a server process: its wall clock is off by as many milliseconds as a file says. The
// monotonic clock and timers stay what they are, as when an operator or NTP sets a real clock.
import { readFileSync } from 'node:fs';

const file = process.env.TEST_CLOCK_SHIFT_FILE ?? '';
const TrueDate = Date;

function now() {
  return TrueDate.now() + Number(readFileSync(file, 'utf8'));
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
