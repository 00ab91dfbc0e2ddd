import { isTerminal, type JobId, type JobStatus } from "../../../shared/job.ts";
import type { Lease, StoreLimits } from "../../../shared/store.ts";
import { type Command, isLoss, lossDelayMs, transition } from "../../../shared/transition.ts";

/** What one job must look like, kept by the pure rules alone. */
export type Expected = {
  id: JobId;
  priority: number;
  maxAttempts: number;
  pool: string;
  repoKey: string | undefined;
  session: string | undefined;
  place: number;
  status: JobStatus;
  due: number;
  leaseUntil: number;
  runner: string;
  fence: number;
  attempt: number;
  lost: number;
  cancelRequested: boolean;
  endings: number;
};
type Fresh = Pick<Expected, "id" | "priority" | "maxAttempts" | "pool" | "repoKey" | "session">;
type Reason = "crashed" | "lease_lost" | "drained" | "waiting";

/** The queue as `transition` says it must be; every answer of a store is compared with it. */
export function expectedStore({ repoLimit = Number.POSITIVE_INFINITY, poolLimits = {} }: StoreLimits) {
  const jobs = new Map<JobId, Expected>();
  let now = 0;
  let places = 0;

  const apply = (job: Expected, command: Command): boolean => {
    const next = transition(job, command);
    if (next === undefined) return false;
    if (isTerminal(next) && !isTerminal(job.status)) job.endings += 1;
    job.status = next;
    return true;
  };
  const holds = (job: Expected | undefined, lease: Lease): job is Expected =>
    job?.status === "running" && job.fence === lease.fence && job.runner === lease.runner;
  const giveBack = (job: Expected, reason: Reason): void => {
    apply(job, { type: "release", reason });
    if (isLoss(reason)) job.lost += 1;
    job.due = now + (isLoss(reason) ? lossDelayMs(job.lost) : 0);
  };
  const running = () => [...jobs.values()].filter((job) => job.status === "running");
  const runnable = (job: Expected, pools: readonly string[]) =>
    job.status === "queued" &&
    job.due <= now &&
    pools.includes(job.pool) &&
    running().filter((other) => other.pool === job.pool).length < (poolLimits[job.pool] ?? Number.POSITIVE_INFINITY) &&
    (job.repoKey === undefined || running().filter((other) => other.repoKey === job.repoKey).length < repoLimit) &&
    (job.session === undefined || !running().some((other) => other.session === job.session));

  const sweep = (): JobId[] => {
    const over = running().filter((job) => job.leaseUntil <= now);
    for (const job of over) giveBack(job, "lease_lost");
    return over.map((job) => job.id);
  };

  return {
    jobs,
    advance: (ms: number): void => {
      now += ms;
    },
    submit: (fresh: Fresh): void => {
      places += 1;
      jobs.set(fresh.id, {
        ...fresh,
        place: places,
        status: "queued",
        due: now,
        leaseUntil: 0,
        runner: "",
        fence: 0,
        attempt: 0,
        lost: 0,
        cancelRequested: false,
        endings: 0,
      });
    },
    sweep,
    claim: (runner: string, pools: readonly string[], leaseMs: number): Lease | undefined => {
      sweep();
      const [best] = [...jobs.values()]
        .filter((job) => runnable(job, pools))
        .sort((a, b) => b.priority - a.priority || a.place - b.place);
      if (!best || !apply(best, { type: "claim" })) return undefined;
      best.fence += 1;
      best.attempt += 1;
      best.runner = runner;
      best.leaseUntil = now + leaseMs;
      return { job: best.id, runner, fence: best.fence };
    },
    renew: (lease: Lease, leaseMs: number): boolean => {
      const job = jobs.get(lease.job);
      if (!holds(job, lease) || !apply(job, { type: "renew" })) return false;
      job.leaseUntil = now + leaseMs;
      return true;
    },
    finish: (lease: Lease, status: "succeeded" | "failed" | "cancelled"): boolean => {
      const job = jobs.get(lease.job);
      if (job?.fence === lease.fence && job.status === status) return true;
      return holds(job, lease) && apply(job, { type: "finish", status });
    },
    release: (lease: Lease, reason: Reason): boolean => {
      const job = jobs.get(lease.job);
      if (!holds(job, lease)) return false;
      giveBack(job, reason);
      return true;
    },
    cancel: (id: JobId): void => {
      const job = jobs.get(id);
      if (job && apply(job, { type: "cancel" })) job.cancelRequested = true;
    },
    retry: (id: JobId): boolean => {
      const job = jobs.get(id);
      if (!job || !apply(job, { type: "retry" })) return false;
      places += 1;
      Object.assign(job, { place: places, due: now, lost: 0, cancelRequested: false });
      return true;
    },
  };
}
