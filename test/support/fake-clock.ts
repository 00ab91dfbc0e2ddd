import type { Clock } from "../../shared/clock.ts";

/** A clock that stands still until it is told to move. */
export type FakeClock = Clock &
  Readonly<{
    /** Time passes: both clocks go on, and whoever slept long enough wakes. */
    advance(ms: number): void;
    /** Somebody sets the wall clock: no time passes. */
    jump(ms: number): void;
    /** How many sleep now. */
    sleepers(): number;
  }>;

export function fakeClock(start: Readonly<{ now?: number; uptime?: number }> = {}): FakeClock {
  let wall = start.now ?? Date.parse("2026-03-01T12:00:00.000Z");
  let up = start.uptime ?? 1_000_000;
  const asleep = new Set<{ due: number; wake: () => void }>();
  return {
    now: () => wall,
    uptime: () => up,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || ms <= 0) return resolve();
        const wake = () => {
          asleep.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper = { due: up + ms, wake };
        asleep.add(sleeper);
        signal?.addEventListener("abort", wake, { once: true });
      }),
    advance: (ms) => {
      wall += ms;
      up += ms;
      for (const sleeper of [...asleep].sort((a, b) => a.due - b.due)) if (sleeper.due <= up) sleeper.wake();
    },
    jump: (ms) => {
      wall += ms;
    },
    sleepers: () => asleep.size,
  };
}
