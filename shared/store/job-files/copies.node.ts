import { type Clock, iso } from "../../clock.ts";
import type { Job, JobId, JobSummary } from "../../job.ts";
import type { Log } from "../../log.ts";
import type { JobFolder } from "./job-folder.node.ts";

/** How often a job that only makes progress is copied. */
const rhythmMs = 5_000;
/** Jobs whose last write is remembered; a forgotten one is at worst written sooner. */
const remembered = 10_000;

type Pending = Readonly<{ seen?: Readonly<{ job: Job; at: number }>; tenant?: string; due: number }>;
type Deps = Readonly<{
  folder: JobFolder;
  clock: Clock;
  log: Log;
  read: (id: JobId) => Promise<Job | undefined>;
}>;

/** Writes copies one after the other, away from whoever asked; what comes for the same job meanwhile is one write. */
export function openCopies({ folder, clock, log, read }: Deps) {
  const pending = new Map<JobId, Pending>();
  const written = new Map<JobId, Readonly<{ at: number; state: string }>>();
  let wake = new AbortController();
  let working: Promise<void> | undefined;
  let hurried = false;

  const put = (id: JobId, next: Pending): void => {
    const before = pending.get(id);
    const due = Math.min(next.due, before?.due ?? next.due);
    pending.set(id, { ...before, ...next, due });
    wake.abort();
    working ??= work();
  };

  const work = async (): Promise<void> => {
    // Begins after the caller has gone on.
    await Promise.resolve();
    while (pending.size > 0) {
      wake = new AbortController();
      const [first] = [...pending].sort(([, a], [, b]) => a.due - b.due);
      if (!first) break;
      const [id, entry] = first;
      const waitMs = entry.due - clock.uptime();
      if (waitMs > 0 && !hurried) await clock.sleep(waitMs, wake.signal);
      else {
        pending.delete(id);
        await copy(id, entry).catch((error: unknown) =>
          log.warn("the copy of a job could not be written", { job: id, error: String(error) }),
        );
      }
    }
    working = undefined;
  };

  const copy = async (id: JobId, { seen, tenant }: Pending): Promise<void> => {
    const at = seen?.at ?? clock.now();
    const job = seen?.job ?? (await read(id));
    if (!job) return;
    const before = await folder.read(id);
    const as_of = iso(at);
    // Another process of this box may have seen more; a time to come is of a clock that was wrong.
    const isNewer = before !== undefined && before.as_of > as_of && Date.parse(before.as_of) <= clock.now();
    const { queue_position, source, stale, ...plain } = job;
    const owner = tenant ?? before?.tenant;
    if (!isNewer) await folder.write({ ...plain, as_of, ...(owner === undefined ? {} : { tenant: owner }) });
    note(job);
  };

  const note = (job: Job) => {
    written.delete(job.id);
    written.set(job.id, { at: clock.uptime(), state: stateOf(job) });
    const [oldest] = written.keys();
    if (written.size > remembered && oldest !== undefined) written.delete(oldest);
  };

  return {
    /** The job has changed its state, or is new: written at once. */
    changed: (job: Job, tenant?: string): void =>
      put(job.id, {
        seen: { job, at: clock.now() },
        due: clock.uptime(),
        ...(tenant === undefined ? {} : { tenant }),
      }),
    /** The job may have made progress: written once in `rhythmMs`, as it is then. */
    stirred: (id: JobId, tenant?: string): void => {
      const last = written.get(id)?.at ?? Number.NEGATIVE_INFINITY;
      if (pending.has(id)) return;
      put(id, { due: Math.max(clock.uptime(), last + rhythmMs), ...(tenant === undefined ? {} : { tenant }) });
    },
    /** The job as somebody read it: written when its state is another than the one written last. */
    read: (job: Job, tenant?: string): void => {
      if (written.get(job.id)?.state === stateOf(job)) return;
      put(job.id, { seen: { job, at: clock.now() }, due: clock.uptime(), ...(tenant === undefined ? {} : { tenant }) });
    },
    /** The job as a list showed it: without its output, so it is read again when its state has changed. */
    listed: (job: JobSummary): void => {
      const known = written.get(job.id);
      if (known && known.state !== stateOf(job)) put(job.id, { due: clock.uptime() });
    },
    /** Resolves when nothing waits to be written, without waiting for the rhythm. */
    flush: async (): Promise<void> => {
      hurried = true;
      wake.abort();
      while (working !== undefined) await working;
      hurried = false;
    },
  };
}

const stateOf = (job: JobSummary) => `${job.status} ${job.attempt}`;
