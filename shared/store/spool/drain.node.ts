import { backOff, type Clock, jittered } from "../../clock.ts";
import { AppError, type ErrorCode, isStoreAway } from "../../error.ts";
import { isTerminal, type JobId } from "../../job.ts";
import type { Log } from "../../log.ts";
import type { JobStore } from "../../store.ts";
import type { SpoolFolder } from "./spool-folder.node.ts";
import { takeSpoolLock } from "./spool-lock.node.ts";
import { type Cancel, cancelledJob, expiredJob, refusedJob, type Submission } from "./spooled-job.ts";

type Deps = Readonly<{ store: JobStore; folder: SpoolFolder; clock: Clock; log: Log }>;

/** What passes by itself, or is no word on the submission: it is tried again. */
const passing: readonly ErrorCode[] = ["store_unavailable", "internal", "rate_limited", "disk_full", "timeout"];

/**
 * Brings spooled jobs to the store, one process of the box at a time, so that nobody submits what another has just
 * cancelled. Whatever breaks off in the middle is done again: the store takes the same id once.
 */
export function openDrain({ store, folder, clock, log }: Deps) {
  /** Jobs of whose trouble the log has heard. */
  const told = new Set<JobId>();
  /**
   * Brings these jobs to the store, in this order. @returns how many could not be brought for a reason of their own.
   * @throws AppError `store_unavailable` where the store is away, or another process is at it for longer than a second.
   */
  async function bring(ids: readonly JobId[], done: (id: JobId) => void): Promise<number> {
    if (ids.length === 0) return 0;
    using _ = await lock();
    let failed = 0;
    for (const id of ids) {
      try {
        await settle(id);
        told.delete(id);
        done(id);
      } catch (error) {
        if (isStoreAway(error)) throw error;
        failed += 1;
        if (!told.has(id)) log.error("a spooled job could not be brought to the store", { job: id, error });
        told.add(id);
      }
    }
    return failed;
  }

  async function lock(): Promise<Disposable> {
    for (const until = clock.uptime() + 1_000; ; await clock.sleep(50)) {
      const taken = await takeSpoolLock(folder.lock);
      if (taken) return taken;
      if (clock.uptime() >= until) throw new AppError("store_unavailable", "Another process brings the spooled jobs.");
    }
  }

  async function settle(id: JobId): Promise<void> {
    const file = await folder.submission(id);
    if (file && !(await folder.cancelled(id))) await submit(file);
    else if (file) await cancelFirst(file);
    if (file) await folder.remove(id);
    // One that came while the job was on its way; the job is in the store now, or has ended here.
    const cancel = await folder.cancelled(id);
    if (cancel) await cancelInStore(id, cancel);
    if (cancel) await folder.removeCancel(id);
  }

  /**
   * Its submission may have reached the store, and only the answer got lost. What the store does not know, it never gets;
   * but a request with a key may lie in the spool of another box too, which must find it cancelled.
   */
  async function cancelFirst(file: Submission): Promise<void> {
    const { id } = file.job;
    const cancel = await folder.cancelled(id);
    if (cancel && !(await cancelInStore(id, cancel))) {
      if (file.idempotency) await submit(file);
      if (!(await cancelInStore(id, cancel))) await folder.end(cancelledJob(file, cancel, clock.now()));
    }
    log.info("a spooled job was cancelled", { job: id });
  }

  /** @returns whether the store knows the job. */
  async function cancelInStore(id: JobId, by: Cancel): Promise<boolean> {
    const job = await store.cancel(id, by);
    // Another server may have brought it there, and it ran while this one could not say so.
    if (job && isTerminal(job.status) && job.cancel_requested_at === undefined)
      log.warn("a cancel came too late: the job had ended", { job: id, status: job.status });
    return job !== undefined;
  }

  async function submit({ spooled_at, ...fresh }: Submission): Promise<void> {
    const file = { ...fresh, spooled_at };
    const { id, created_at } = fresh.job;
    const leftSeconds = fresh.queueTtlSeconds - (clock.now() - Date.parse(created_at)) / 1_000;
    if (leftSeconds <= 0) {
      if (!(await store.get(id))) await folder.end(expiredJob(file, clock.now()));
      return log.warn("a spooled job was not submitted: its queue time is over", { job: id });
    }
    const queueTtlSeconds = Math.max(1, Math.ceil(leftSeconds));
    const refusal = await store.submit({ ...fresh, queueTtlSeconds }).then(
      ({ job }) => (job.id === id ? undefined : sameKey(job.id)),
      (error: unknown) => {
        if (error instanceof AppError && !passing.includes(error.code)) return error;
        throw error;
      },
    );
    if (!refusal) return log.info("a spooled job was submitted", { job: id });
    if (!(await store.get(id))) await folder.end(refusedJob(file, refusal, clock.now()));
    log.warn("the store refused a spooled job", { job: id, error: refusal.message });
  }
  return { bring };
}

const sameKey = (id: JobId) =>
  new AppError(
    "conflict",
    `The same Idempotency-Key had made job ${id} before: that one is done, and this one is not.`,
    {
      remedy: `Follow job ${id}.`,
    },
  );

const tries = { baseMs: 500, capMs: 5_000 };
/** What another process of the box has left behind is found after this long. */
const lookMs = 30_000;

type Loop = Readonly<{
  /** Brings all there is. @returns how many are left. */
  pass: () => Promise<number>;
  clock: Clock;
  log: Log;
  random: () => number;
}>;

/** Passes at once, when poked, and now and then; with back-off and jitter while something is left. Ends when `stop` aborts. */
export function keepDraining({ pass, clock, log, random }: Loop, stop: AbortSignal) {
  let wake = new AbortController();
  async function loop(): Promise<void> {
    for (let failures = 0; !stop.aborted; ) {
      wake = new AbortController();
      const left = await pass().catch((error: unknown) => {
        if (failures === 0) log.warn("spooled jobs wait for the store", { error: String(error) });
        return 1;
      });
      failures = left > 0 ? failures + 1 : 0;
      const waitMs = left > 0 ? backOff(failures - 1, tries) : lookMs;
      // A poke says that there is something new, not that the store is back.
      const sooner = left > 0 ? stop : AbortSignal.any([stop, wake.signal]);
      await clock.sleep(jittered(waitMs, random), sooner);
    }
  }
  const over = loop();
  return { over, poke: () => wake.abort() };
}
