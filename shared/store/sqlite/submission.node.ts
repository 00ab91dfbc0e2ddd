import { AppError } from "../../error.ts";
import type { JobId } from "../../job.ts";
import type { NewJob, Submitted } from "../../store.ts";
import { queued } from "../job-change.ts";
import { openBudgets } from "./budgets.node.ts";
import type { Context } from "./context.node.ts";
import type { EventLog } from "./event-log.node.ts";
import type { JobRow } from "./job-rows.node.ts";
import type { Worktrees } from "./worktrees.node.ts";

/** Queues new jobs; runs inside a transaction. */
export function openSubmission(context: Context, log: EventLog, worktrees: Worktrees) {
  const { db, jobs, time, touch } = context;
  const budgets = openBudgets(context);
  const findKey = db.prepare<{ body: string; job: JobId }>(
    "SELECT body, job FROM idempotency WHERE tenant = :tenant AND key = :key AND (gone IS NULL OR gone > :tick)",
  );
  const addKey = db.prepare("INSERT OR REPLACE INTO idempotency VALUES (:tenant, :key, :body, :job, NULL)");
  const addJob = db.prepare<JobRow>(
    `INSERT INTO jobs (id, tenant, repo_key, repo_url, profile, pool, priority, max_attempts, queue_ttl_ms, ttl_ms,
       session_id, status, place, queued_at, due, expires, notify_url)
     VALUES (:id, :tenant, :repo_key, :repo_url, :profile, :pool, :priority, :max_attempts, :queue_ttl_ms, :ttl_ms,
       :session_id, 'queued', :place, :tick, :tick, :expires, :notify_url) RETURNING *`,
  );
  const addDoc = db.prepare("INSERT INTO docs VALUES (:seq, :job, '{}')");

  const replayed = (row: JobRow): Submitted => ({ job: jobs.view(row), replayed: true });

  const earlier = ({ job, tenant, idempotency }: NewJob): Submitted | undefined => {
    const known = idempotency && findKey.find({ tenant, key: idempotency.key, tick: time.tick() });
    if (known && known.body !== idempotency.body)
      throw new AppError("invalid_request", "This Idempotency-Key came before with another body.", {
        remedy: "Send the same body again, or use a new key for a new job.",
      });
    const row = jobs.find(known?.job ?? job.id);
    if (row && row.tenant !== tenant) throw new AppError("conflict", `There is a job ${job.id} already.`);
    if (known && !row)
      throw new AppError("conflict", "The job that this Idempotency-Key made has ended and was removed.", {
        remedy: "Use a new key for a new job.",
      });
    return row && replayed(row);
  };

  const add = (fresh: NewJob): JobRow => {
    const job = queued(fresh.job);
    const tick = time.tick();
    const row = addJob.find({
      id: job.id,
      tenant: fresh.tenant,
      repo_key: fresh.repoKey ?? null,
      repo_url: job.repo_url ?? null,
      profile: job.profile,
      pool: fresh.queue ?? job.pool,
      priority: job.priority,
      max_attempts: job.max_attempts,
      queue_ttl_ms: fresh.queueTtlSeconds * 1_000,
      ttl_ms: job.ttl_seconds * 1_000,
      session_id: job.session_id ?? null,
      place: jobs.nextPlace(),
      tick,
      expires: tick + fresh.queueTtlSeconds * 1_000,
      notify_url: job.notify_url ?? null,
    });
    if (!row) throw new AppError("internal", "The store gave no row back for a new job.");
    addDoc.run({ seq: row.seq, job: JSON.stringify(job) });
    return row;
  };

  return (fresh: NewJob): Submitted => {
    const before = earlier(fresh);
    if (before) return before;
    const { tenant, idempotency, job } = fresh;
    if (job.kind === "task" && job.worktree_id !== undefined) worktrees.take(job.worktree_id, job.id, tenant);
    const row = add(fresh);
    budgets.reserve(row.seq, fresh.budgets ?? []);
    if (idempotency) addKey.run({ tenant, key: idempotency.key, body: idempotency.body, job: job.id });
    log.append(row, [{ type: "job.queued", data: {} }]);
    touch(row.id);
    return { job: jobs.view(row), replayed: false };
  };
}
