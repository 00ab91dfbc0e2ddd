/** Time, passed in: tests advance it, they never wait. */
export interface Clock {
  /** Wall-clock time, milliseconds since 1970; may jump. For what people read, never for deadlines. */
  now(): number;
  /** Milliseconds since boot; never jumps, the same for all processes of the box. For leases and deadlines. */
  uptime(): number;
  /** Resolves after `ms`, or at once when `signal` aborts: a loop then looks at the signal itself. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const iso = (ms: number): string => new Date(ms).toISOString();

/** `baseMs` doubled per earlier try, at most `capMs`. */
export const backOff = (tries: number, { baseMs, capMs }: { baseMs: number; capMs: number }): number =>
  Math.min(capMs, baseMs * 2 ** Math.min(tries, 30));

/** Spread by up to ±10 %, so that many runners do not act in step. */
export const jittered = (ms: number, random: () => number): number => ms * (0.9 + 0.2 * random());

/** `Clock.sleep` by the runtime's timers; leaves nothing behind on a signal that lives on. */
export const sleepByTimer: Clock["sleep"] = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal?.addEventListener("abort", wake, { once: true });
  });
