import { uptime } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "./clock.ts";

/** The machine's clock; `uptime` is CLOCK_BOOTTIME (clock_gettime(2)), which goes on in suspend. */
export const systemClock: Clock = {
  now: Date.now,
  uptime: () => uptime() * 1000,
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
};
