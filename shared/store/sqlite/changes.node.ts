import type { ChangeQuery } from "../../change-query.ts";
import type { Clock } from "../../clock.ts";
import type { JobId } from "../../job.ts";
import type { Hints } from "./hints.node.ts";

/** How often the file is asked whether another process has written (`PRAGMA data_version`: microseconds). */
const pollMs = 200;
/** The longest that a timer of Node can wait. */
const longestMs = 2 ** 31 - 1;

type Waiter = Readonly<{ job?: JobId; concerned(): boolean; wake(): void }>;
type Source = Readonly<{
  clock: Clock;
  hints: Hints;
  /** Another number than before when another connection has written. */
  version(): number;
}>;

/** Tells waiters of changes: of this process's at once, of other processes' within `pollMs`. Asks nothing while nobody waits. */
export function openChanges({ version, hints, clock }: Source) {
  const waiters = new Set<Waiter>();
  const stop = new AbortController();
  let polling = false;

  const wakeAll = () => {
    for (const waiter of [...waiters]) waiter.wake();
  };
  const wakeConcerned = (all: readonly Waiter[]) => {
    for (const waiter of all) if (waiter.concerned()) waiter.wake();
  };
  const nextNotice = sure(hints.nextNotice, () => ({ due: 0, inMs: 0 }));
  /** Also when the next one is due sooner than was known: then whoever waits has to wait less long. */
  const noticed = (): (() => boolean) => {
    const before = nextNotice().due;
    return () => {
      const { due, inMs } = nextNotice();
      return inMs === 0 || due < before;
    };
  };
  const concern = ({ job, control, runner, relay, notices }: ChangeQuery): (() => boolean) => {
    if (notices) return noticed();
    if (runner !== undefined) {
      const isDrained = sure(
        () => hints.isDrained(runner),
        () => true,
      );
      const before = isDrained();
      return () => !before && isDrained();
    }
    if (relay !== undefined)
      return sure(
        () => hints.isRelayed(relay),
        () => true,
      );
    if (!control || job === undefined) return () => true;
    const holder = sure(
      () => hints.holder(job),
      () => undefined,
    );
    const isAsked = sure(
      () => hints.isAsked(job),
      () => true,
    );
    const before = holder();
    return () => isAsked() || holder() !== before;
  };

  /** One loop for all waiters; it ends when nobody waits any more. */
  const poll = async () => {
    let seen = version();
    while (waiters.size > 0 && !stop.signal.aborted) {
      await clock.sleep(pollMs, stop.signal);
      if (waiters.size === 0 || stop.signal.aborted) break;
      const now = version();
      if (now !== seen) wakeConcerned([...waiters]);
      seen = now;
    }
  };
  const startPolling = () => {
    if (polling) return;
    polling = true;
    // A file that cannot be asked is a change too: whoever waits reads, and is told what is wrong.
    poll()
      .catch(wakeAll)
      .finally(() => {
        polling = false;
        if (waiters.size > 0 && !stop.signal.aborted) startPolling();
      });
  };

  return {
    /** Wakes who waits for these jobs, or for anything. */
    tell: (jobs: ReadonlySet<JobId>): void => {
      wakeConcerned([...waiters].filter(({ job }) => job === undefined || jobs.has(job)));
    },
    wait: (what: ChangeQuery): Promise<void> =>
      new Promise((resolve) => {
        const { job, control, runner, relay, notices, signal } = what;
        const concerned = concern(what);
        const isAny = job === undefined && runner === undefined && relay === undefined;
        const untilNextMs = notices ? () => nextNotice().inMs : sure(hints.untilNextMs, () => 0);
        const timeMs = isAny ? untilNextMs() : Number.POSITIVE_INFINITY;
        const timeoutMs = Math.min(what.timeoutMs, timeMs, longestMs);
        const known = (control === true || relay !== undefined) && concerned();
        if (known || signal?.aborted || stop.signal.aborted || timeoutMs <= 0) return resolve();
        const timer = new AbortController();
        const wake = () => {
          waiters.delete(waiter);
          signal?.removeEventListener("abort", wake);
          timer.abort();
          resolve();
        };
        const waiter: Waiter = { ...(job === undefined ? {} : { job }), concerned, wake };
        waiters.add(waiter);
        signal?.addEventListener("abort", wake, { once: true });
        void clock.sleep(timeoutMs, timer.signal).then(wake);
        startPolling();
      }),
    close: (): void => {
      stop.abort();
      wakeAll();
    },
  };
}

/** Whoever waits is never told of a failure here: it reads, and is told what is wrong. */
const sure =
  <T, E>(ask: () => T, instead: () => E) =>
  (): T | E => {
    try {
      return ask();
    } catch {
      return instead();
    }
  };
