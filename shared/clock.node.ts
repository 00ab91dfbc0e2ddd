import { uptime } from "node:os";
import { type Clock, sleepByTimer } from "./clock.ts";

/** The machine's clock; `uptime` is CLOCK_BOOTTIME (clock_gettime(2)), which goes on in suspend. */
export const systemClock: Clock = {
  now: Date.now,
  uptime: bootTime(),
  // Not node:timers/promises, which makes an error with its stack for each sleep that is cut short: most deadlines are.
  sleep: sleepByTimer,
};

/**
 * Node reads CLOCK_BOOTTIME from /proc/uptime: in hundredths of a second, and slowly enough to be seen where it is asked
 * for each command. Within one such step the monotonic clock goes on from what was read.
 */
function bootTime(): () => number {
  const stepMs = 10;
  let readAt = Number.NEGATIVE_INFINITY;
  let read = 0;
  let last = 0;
  return () => {
    const now = performance.now();
    if (now - readAt >= stepMs) {
      read = uptime() * 1000;
      readAt = now;
    }
    last = Math.max(last, read + now - readAt);
    return last;
  };
}
