import { AppError, isStoreAway } from "../shared/error.ts";
import type { Job, JobId } from "../shared/job.ts";
import type { Caller } from "./asked.ts";
import type { ApiDeps } from "./deps.ts";
import { linkSignals } from "./link-signals.ts";

/** A hint that was lost costs no more than this. */
const rereadMs = 10_000;

export type Wait = Readonly<{
  seconds: number;
  until: (job: Job) => boolean;
  /** Aborts when the caller is gone. */
  signal?: AbortSignal;
}>;

/** A store that is away is asked again so soon. */
const awayMs = 1_000;

/**
 * The job once it is as wished, or as it stands after the seconds, or when the process ends. While the store is away a
 * copy is no news, but what is told in the end. @throws AppError `not_found`; `store_unavailable` where it was away at the
 * end too, and there is no copy.
 */
export async function waitForJob(deps: ApiDeps, at: Readonly<{ id: JobId; caller: Caller }>, wait: Wait): Promise<Job> {
  const { store, clock, stopping } = deps;
  const deadline = clock.uptime() + wait.seconds * 1000;
  for (;;) {
    using link = linkSignals(wait.signal, stopping);
    const leftMs = deadline - clock.uptime();
    const isOver = () => leftMs <= 0 || link.signal.aborted;
    // Asked for before the job is read: what changes in between is not missed.
    const hint = changed(deps, { job: at.id, timeoutMs: Math.min(Math.max(leftMs, 0), rereadMs), signal: link.signal });
    const job = await store.get(at.id, at.caller.tenant).catch((error: unknown) => {
      if (isStoreAway(error) && !isOver()) return "away" as const;
      throw error;
    });
    if (!job) throw noSuchJob(at.id);
    if (job !== "away" && (isOver() || (wait.until(job) && !job.stale))) return job;
    const isAway = job === "away" || job.stale === true;
    await (isAway ? Promise.race([hint, clock.sleep(Math.min(leftMs, awayMs), link.signal)]) : hint);
  }
}

type Change = Readonly<{ job: JobId; timeoutMs: number; signal: AbortSignal }>;

/** `store.changed`, which here never fails: a store that cannot answer is found out by the read that follows. */
export const changed = ({ store, clock }: ApiDeps, what: Change): Promise<void> =>
  store.changed(what).catch(() => clock.sleep(Math.min(what.timeoutMs, 1000), what.signal));

export const noSuchJob = (id: string): AppError => new AppError("not_found", `There is no job ${id}.`);
