import { AppError } from "../shared/error.ts";
import type { Job, JobId } from "../shared/job.ts";
import type { ApiDeps, Caller } from "./deps.ts";
import { linkSignals } from "./link-signals.ts";

/** A hint that was lost costs no more than this. */
const rereadMs = 10_000;

export type Wait = Readonly<{
  seconds: number;
  until: (job: Job) => boolean;
  /** Aborts when the caller is gone. */
  signal?: AbortSignal;
}>;

/** The job once it is as wished, or as it stands after the seconds, or when the process ends. @throws AppError `not_found`. */
export async function waitForJob(deps: ApiDeps, at: Readonly<{ id: JobId; caller: Caller }>, wait: Wait): Promise<Job> {
  const { store, clock, stopping } = deps;
  const deadline = clock.uptime() + wait.seconds * 1000;
  for (;;) {
    using link = linkSignals(wait.signal, stopping);
    const leftMs = deadline - clock.uptime();
    // Asked for before the job is read: what changes in between is not missed.
    const hint = changed(deps, { job: at.id, timeoutMs: Math.min(Math.max(leftMs, 0), rereadMs), signal: link.signal });
    const job = await store.get(at.id, at.caller.tenant);
    if (!job) throw noSuchJob(at.id);
    if (wait.until(job) || leftMs <= 0 || link.signal.aborted) return job;
    await hint;
  }
}

type Change = Readonly<{ job: JobId; timeoutMs: number; signal: AbortSignal }>;

/** `store.changed`, which here never fails: a store that cannot answer is found out by the read that follows. */
export const changed = ({ store, clock }: ApiDeps, what: Change): Promise<void> =>
  store.changed(what).catch(() => clock.sleep(Math.min(what.timeoutMs, 1000), what.signal));

export const noSuchJob = (id: string): AppError => new AppError("not_found", `There is no job ${id}.`);
