import { iso } from "../../clock.ts";
import { LeaseLost } from "../../error.ts";
import type { AttemptReason, Job } from "../../job.ts";
import type { Ending, Lease, Release } from "../../store.ts";
import { isLoss, lossDelayMs } from "../../transition.ts";
import { because, closedQuestions, ended, endedInQueue, endingEvent, patched, requeued } from "../job-change.ts";
import { openBudgets } from "./budgets.node.ts";
import type { Context } from "./context.node.ts";
import type { EventLog } from "./event-log.node.ts";
import { type JobRow, next } from "./job-rows.node.ts";

/** Beyond the end of its job, an idempotency key is kept this long (contract 2). */
const keyMs = 24 * 3_600_000;

const noLease = { runner: null, lease_boot: null, lease_until: null } as const;

export type Endings = ReturnType<typeof openEndings>;

/** The ways in which a run or a wait ends. All are called inside a transaction. */
export function openEndings(context: Context, log: EventLog) {
  const { jobs, time, clock } = context;
  const budgets = openBudgets(context);
  /** The one terminal step: state, event and the times of removal, together. */
  const close = (row: JobRow, job: Job, changes: Partial<JobRow> = {}): JobRow => {
    const tick = time.tick();
    const saved = jobs.save(row, job, { ...noLease, ...changes, gone: tick + row.ttl_ms });
    jobs.keepKeys(row, tick + keyMs);
    budgets.settle(row.seq, job.cost_usd);
    log.append(saved, [endingEvent(job)]);
    return saved;
  };
  const endOf = (row: JobRow, reason: AttemptReason) => {
    const at = jobs.now();
    return { reason, started_at: row.attempt_started_at ?? at, at };
  };

  const finish = (lease: Lease, ending: Ending): Job => {
    const known = jobs.find(lease.job);
    // A fence is given out once, so it alone says that this is the same run.
    if (known?.fence === lease.fence && known.status === ending.status) return jobs.view(known);
    const row = jobs.held(lease);
    const status = next(row, { type: "finish", status: ending.status });
    if (status === undefined) throw new LeaseLost(lease.job);
    log.appendTold(row, ending);
    const job = patched(jobs.whole(row), ending.patch);
    log.append(row, closedQuestions(job));
    return jobs.view(close(row, ended(job, ending.status, endOf(row, "ended"))));
  };

  /** The attempt is over and the job is not, unless starts are used up or a cancel waits. */
  const giveBack = (row: JobRow, release: Release): Job => {
    const { reason } = release;
    const status = next(row, { type: "release", reason });
    if (status === undefined) throw new LeaseLost(row.id);
    const job = patched(jobs.whole(row), release.patch);
    const lost = row.lost + (isLoss(reason) ? 1 : 0);
    log.appendTold(row, release);
    if (isLoss(reason)) log.append(row, [{ type: "lease.lost", data: { pod_name: job.pod_name ?? "", reason } }]);
    log.append(row, closedQuestions(job));
    switch (status) {
      case "cancelled": {
        const why = because("cancelled", `The job was cancelled by ${row.cancel_by ?? "someone"}.`);
        return jobs.view(close(row, ended(patched(job, why), status, endOf(row, reason)), { lost }));
      }
      case "failed": {
        const why = because(
          "runner_lost",
          `The job lost its runner ${lost} ${lost === 1 ? "time" : "times"}, the last one while it ran on ${job.pod_name ?? "a runner"}.`,
        );
        return jobs.view(close(row, ended(patched(job, why), status, endOf(row, reason)), { lost }));
      }
      default:
        return jobs.view(putBack(row, job, { release, lost }));
    }
  };

  const putBack = (row: JobRow, job: Job, { release, lost }: { release: Release; lost: number }): JobRow => {
    const { reason } = release;
    const delayMs = Math.max(0, release.delayMs ?? delayOf(release, lost));
    const until = release.waiting?.until ?? iso(clock.now() + delayMs);
    const waiting = release.waiting ?? (delayMs > 0 ? { reason: "backoff", until } : undefined);
    const due = time.tick() + Math.ceil(delayMs);
    const saved = jobs.save(row, requeued(job, endOf(row, reason), waiting), {
      ...noLease,
      lost,
      due,
      queued_at: time.tick(),
    });
    log.append(saved, [{ type: "job.queued", data: { reason } }]);
    if (waiting) log.append(saved, [{ type: "job.delayed", data: { ...waiting } }]);
    return saved;
  };
  const delayOf = ({ reason, waiting }: Release, lost: number): number =>
    isLoss(reason) ? lossDelayMs(lost) : waiting ? Date.parse(waiting.until) - clock.now() : 0;

  /** A queued job ends as cancelled or expired. */
  const endInQueue = (row: JobRow, status: "cancelled" | "expired", sentence: string): JobRow => {
    const code = status === "cancelled" ? "cancelled" : "queue_expired";
    return close(row, patched(endedInQueue(jobs.whole(row), status, jobs.now()), because(code, sentence)));
  };
  return { finish, giveBack, endInQueue };
}
