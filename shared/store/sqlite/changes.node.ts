import type { Clock } from "../../clock.ts";
import type { JobId } from "../../job.ts";

/** How often the file is asked whether another process has written (`PRAGMA data_version`: microseconds). */
const pollMs = 200;
/** The longest that a timer of Node can wait. */
const longestMs = 2 ** 31 - 1;

type Waiter = Readonly<{ job?: JobId; isAsked(): boolean; wake(): void }>;
type What = Readonly<{ job?: JobId; control?: true; timeoutMs: number; signal?: AbortSignal }>;
type Source = Readonly<{
  /** Another number than before when another connection has written. */
  version(): number;
  /** Another text than before when somebody asked something of the job's runner. */
  asked(job: JobId): string;
}>;

/** Tells waiters of changes: of this process's at once, of other processes' within `pollMs`. Asks nothing while nobody waits. */
export function openChanges({ version, asked }: Source, clock: Clock) {
  const waiters = new Set<Waiter>();
  const stop = new AbortController();
  let polling = false;

  const wakeAll = () => {
    for (const waiter of [...waiters]) waiter.wake();
  };
  const wakeAsked = (all: readonly Waiter[]) => {
    for (const waiter of all) if (waiter.isAsked()) waiter.wake();
  };

  /** One loop for all waiters; it ends when nobody waits any more. */
  const poll = async () => {
    let seen = version();
    while (waiters.size > 0 && !stop.signal.aborted) {
      await clock.sleep(pollMs, stop.signal);
      if (waiters.size === 0 || stop.signal.aborted) break;
      const now = version();
      if (now !== seen) wakeAsked([...waiters]);
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
      wakeAsked([...waiters].filter(({ job }) => job === undefined || jobs.has(job)));
    },
    wait: ({ job, control, timeoutMs, signal }: What): Promise<void> =>
      new Promise((resolve) => {
        if (signal?.aborted || stop.signal.aborted || timeoutMs <= 0) return resolve();
        const timer = new AbortController();
        const wake = () => {
          waiters.delete(waiter);
          signal?.removeEventListener("abort", wake);
          timer.abort();
          resolve();
        };
        const isAsked = control && job !== undefined ? sinceNow(() => asked(job)) : () => true;
        const waiter: Waiter = { ...(job === undefined ? {} : { job }), isAsked, wake };
        waiters.add(waiter);
        signal?.addEventListener("abort", wake, { once: true });
        void clock.sleep(Math.min(timeoutMs, longestMs), timer.signal).then(wake);
        startPolling();
      }),
    close: (): void => {
      stop.abort();
      wakeAll();
    },
  };
}

/** Whether the answer is another one than now; a file that cannot be asked counts as another answer. */
function sinceNow(ask: () => string): () => boolean {
  const answer = () => {
    try {
      return ask();
    } catch {
      return undefined;
    }
  };
  const before = answer();
  return () => {
    const now = answer();
    return now === undefined || now !== before;
  };
}
