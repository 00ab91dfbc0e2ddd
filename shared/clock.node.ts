import { uptime } from "node:os";
import type { Clock } from "./clock.ts";

/** The machine's clock; `uptime` is CLOCK_BOOTTIME (clock_gettime(2)), which goes on in suspend. */
export const systemClock: Clock = {
  now: Date.now,
  uptime: bootTime(),
  // Not node:timers/promises, which makes an error with its stack for each sleep that is cut short: most deadlines are.
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake, { once: true });
    }),
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
