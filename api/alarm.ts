import type { Clock } from "../shared/clock.ts";

export type Alarm = Readonly<{
  /** `wake` is called once it is `at` (`Clock.uptime()`), unless it is unset or set anew before. */
  set: (wake: () => void, at: number) => void;
  unset: (wake: () => void) => void;
}>;

/** One timer for many who wait, and none while nobody does. Who is woken, has to be set anew. */
export function openAlarm(clock: Clock): Alarm {
  const due = new Map<() => void, number>();
  let sleeping: Readonly<{ until: number; over: AbortController }> | undefined;

  const sleep = (until: number) => {
    // With a reason of our own: the default one is an error with its stack.
    sleeping?.over.abort("earlier");
    const own = { until, over: new AbortController() };
    sleeping = own;
    void clock.sleep(Math.max(0, until - clock.uptime()), own.over.signal).then(() => {
      if (sleeping !== own) return;
      sleeping = undefined;
      ring();
    });
  };
  const ring = () => {
    const now = clock.uptime();
    let next = Number.POSITIVE_INFINITY;
    for (const [wake, at] of [...due])
      if (at > now) next = Math.min(next, at);
      else {
        due.delete(wake);
        wake();
      }
    if (next < Number.POSITIVE_INFINITY && due.size > 0) sleep(next);
  };

  return {
    set: (wake, at) => {
      due.set(wake, at);
      if (!sleeping || at < sleeping.until) sleep(at);
    },
    unset: (wake) => {
      due.delete(wake);
      if (due.size > 0) return;
      sleeping?.over.abort("nobody waits");
      sleeping = undefined;
    },
  };
}
