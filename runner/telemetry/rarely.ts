import type { Clock } from "../../shared/clock.ts";

const everyMs = 60_000;

/** Passes on the first call, and then at most one a minute. */
export function rarely<T>(clock: Clock, act: (value: T) => void): (value: T) => void {
  let lastAt = Number.NEGATIVE_INFINITY;
  return (value) => {
    if (clock.uptime() - lastAt < everyMs) return;
    lastAt = clock.uptime();
    act(value);
  };
}
