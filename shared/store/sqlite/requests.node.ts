import { AppError } from "../../error.ts";
import type { Job, JobId } from "../../job.ts";
import type { JobStore } from "../../store.ts";
import { retried } from "../job-change.ts";
import { openBudgets } from "./budgets.node.ts";
import type { Context } from "./context.node.ts";
import type { EventLog } from "./event-log.node.ts";
import { next } from "./job-rows.node.ts";
import type { Endings } from "./lease-ending.node.ts";
import type { Worktrees } from "./worktrees.node.ts";

type Retrying = Parameters<JobStore["retry"]>[2];

/** What people ask of a job that exists; runs inside a transaction. */
export function openRequests(
  context: Context,
  log: EventLog,
  { endings, worktrees }: Readonly<{ endings: Endings; worktrees: Worktrees }>,
) {
  const { jobs, time } = context;
  const budgets = openBudgets(context);
  const cancel = (id: JobId, by: Readonly<{ name: string; tenant?: string }>): Job | undefined => {
    const row = jobs.find(id, by.tenant);
    if (!row) return undefined;
    const status = next(row, { type: "cancel" });
    if (status === undefined || row.cancel_at !== null) return jobs.view(row);
    const at = jobs.now();
    const asked = jobs.save(
      row,
      { ...jobs.whole(row), cancel_requested_at: at },
      { cancel_by: by.name, cancel_at: at },
    );
    jobs.ask(row);
    log.append(asked, [{ type: "cancel.requested", data: { by: by.name } }]);
    return jobs.view(
      status === "running"
        ? asked
        : endings.endInQueue(asked, "cancelled", `The job was cancelled by ${by.name} while it waited.`),
    );
  };

  const retry = (id: JobId, tenant?: string, how?: Retrying): Job => {
    const only = how === "publish" ? how : undefined;
    const row = jobs.sure(id, tenant);
    if (next(row, { type: "retry" }) === undefined)
      throw new AppError("conflict", `Job ${id} is ${row.status}: only an ended job can be retried.`, {
        remedy: "Wait for its end, or cancel it first.",
      });
    const { kind, worktree_id } = jobs.summary(row);
    if (kind === "task" && worktree_id !== undefined) worktrees.take(worktree_id, id, row.tenant);
    if (typeof how === "object") budgets.reserve(row.seq, how.budgets, jobs.summary(row).cost_usd);
    const tick = time.tick();
    const saved = jobs.save(row, retried(jobs.whole(row), only), {
      place: jobs.nextPlace(),
      queued_at: tick,
      due: tick,
      expires: tick + row.queue_ttl_ms,
      gone: null,
      lost: 0,
      cancel_by: null,
      cancel_at: null,
    });
    jobs.keepKeys(saved);
    log.append(saved, [{ type: "job.queued", data: { reason: only ?? "retry" } }]);
    return jobs.view(saved);
  };
  return { cancel, retry };
}
