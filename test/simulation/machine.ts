import type { Clock } from "../../shared/clock.ts";
import type { Timeline } from "./timeline.ts";

/** A box with a clock of its own, which may run a little too fast or too slow, and jump. */
export type Machine = Readonly<{ timeline: Timeline; rate: number; wall: { offset: number } }>;

/** One process on a box: it can be stopped for a while, or killed; then nothing that it waits for ever comes. */
export type Process = Readonly<{
  clock: Clock;
  /** Does it in this process: now, when it goes on, or never. */
  deliver(act: () => void): void;
  isAlive(): boolean;
  /** SIGSTOP, and SIGCONT after so many milliseconds. */
  pause(ms: number): void;
  /** SIGKILL. */
  kill(): void;
  /** Told when it is killed: its children see the end of their pipes. */
  onKill(listener: () => void): void;
}>;

const bootedMs = 1_000_000;
const epoch = Date.parse("2026-03-01T12:00:00.000Z");

/** Milliseconds since the boot of that box, by its own clock; and when that will be. */
export const uptimeOf = ({ timeline, rate }: Machine): number => bootedMs + timeline.now() * rate;
export const timeOf = ({ rate }: Machine, uptime: number): number => (uptime - bootedMs) / rate;

export function startProcess(machine: Machine): Process {
  const { timeline, rate, wall } = machine;
  const listeners: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  let alive = true;
  let stoppedUntil = 0;
  const isStopped = () => timeline.now() < stoppedUntil;

  function deliver(act: () => void): void {
    if (!alive) return;
    if (isStopped()) waiting.push(act);
    else act();
  }
  const clock: Clock = {
    now: () => epoch + wall.offset + timeline.now() * rate,
    uptime: () => uptimeOf(machine),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted || ms <= 0) return resolve();
        const wake = () => {
          signal?.removeEventListener("abort", wake);
          drop();
          resolve();
        };
        const drop = timeline.at(timeline.now() + ms / rate, () => deliver(wake));
        signal?.addEventListener("abort", wake, { once: true });
      }),
  };
  return {
    clock,
    deliver,
    isAlive: () => alive,
    pause: (ms) => {
      stoppedUntil = Math.max(stoppedUntil, timeline.now() + ms);
      timeline.at(stoppedUntil, () => {
        if (isStopped()) return;
        for (const act of waiting.splice(0)) deliver(act);
      });
    },
    kill: () => {
      if (!alive) return;
      alive = false;
      for (const listener of listeners) listener();
    },
    onKill: (listener) => void listeners.push(listener),
  };
}
