import type { JobId } from "../shared/job.ts";
import { type Alarm, openAlarm } from "./alarm.ts";
import type { ApiDeps } from "./deps.ts";
import { linkSignals } from "./link-signals.ts";
import { changed } from "./wait.ts";

/** One stream's eye on a job. */
export type Watch = Disposable &
  Readonly<{
    /** What changes from here on ends the next `wait`; perhaps also what has changed just before. */
    begin: () => void;
    /** Resolves once the job has changed since `begin`; after the milliseconds; by the signal; when the process ends. */
    wait: (timeoutMs: number) => Promise<void>;
  }>;
export type OpenWatch = (of: Readonly<{ job: JobId; signal: AbortSignal }>) => Watch;

/** Whoever watches has a time-out of its own, and reads then: this only bounds a wait that the store has forgotten. */
const longestMs = 15_000;

/** A wait of the store's, for all who watch the job. */
type Wait = Readonly<{ ears: Set<() => void>; end: () => void }>;

/**
 * Watches for many streams: all who follow one job have one wait of the store's and one timer between them, so that a
 * thousand of them cost an event little more than the writing.
 */
export function sharedWatches(deps: ApiDeps): OpenWatch {
  const waits = new Map<JobId, Wait>();
  const alarm = openAlarm(deps.clock);
  const begun = (job: JobId): Wait => {
    const over = linkSignals(deps.stopping);
    const wait: Wait = {
      ears: new Set(),
      end: () => {
        if (waits.get(job) === wait) waits.delete(job);
        over[Symbol.dispose]();
      },
    };
    waits.set(job, wait);
    void changed(deps, { job, timeoutMs: longestMs, signal: over.signal }).then(() => {
      wait.end();
      for (const hear of [...wait.ears]) hear();
    });
    return wait;
  };
  return ({ job, signal }) => openWatch({ join: () => waits.get(job) ?? begun(job), alarm, deps, signal });
}

type Parts = Readonly<{
  join: () => Wait;
  alarm: Alarm;
  deps: Pick<ApiDeps, "clock" | "stopping">;
  signal: AbortSignal;
}>;

/** Makes nothing for each event but a promise: with thousands of streams that is what an event costs. */
function openWatch({ join, alarm, deps: { clock, stopping }, signal }: Parts): Watch {
  let joined: Wait | undefined;
  let hasHeard = false;
  let resolve: (() => void) | undefined;
  const wake = () => {
    alarm.unset(wake);
    resolve?.();
    resolve = undefined;
  };
  const hear = () => {
    hasHeard = true;
    joined = undefined;
    wake();
  };
  const leave = () => {
    joined?.ears.delete(hear);
    if (joined?.ears.size === 0) joined.end();
    joined = undefined;
    signal.removeEventListener("abort", wake);
    wake();
  };
  signal.addEventListener("abort", wake, { once: true });
  return {
    begin: () => {
      hasHeard = false;
      if (joined || signal.aborted || stopping?.aborted) return;
      joined = join();
      joined.ears.add(hear);
    },
    wait: (timeoutMs) =>
      new Promise((done) => {
        if (hasHeard || timeoutMs <= 0 || signal.aborted || stopping?.aborted) return done();
        resolve = done;
        alarm.set(wake, clock.uptime() + timeoutMs);
      }),
    [Symbol.dispose]: leave,
  };
}
