import type { JobId } from "../../job.ts";
import type { Lease, WorktreeQuery } from "../../store.ts";
import { type WorktreeRecord, worktreeMemoryMs, worktreeNow } from "../../worktree.ts";
import { noWorktree, worktreeInUse, worktreeNotReady } from "../worktree-refusal.ts";
import type { Context } from "./context.node.ts";
import { isOver } from "./job-rows.node.ts";

type Row = Readonly<{ id: string; tenant: string; box: string; job: JobId; record: string }>;

/** Prepared worktrees, and which job uses each; runs inside a transaction. */
export function openWorktrees({ db, jobs, time }: Pick<Context, "db" | "jobs" | "time">) {
  const find = db.prepare<Row>("SELECT id, tenant, box, job, record FROM worktrees WHERE id = :id");
  const all = db.prepare<Row>(
    "SELECT id, tenant, box, job, record FROM worktrees WHERE made < :before ORDER BY made DESC LIMIT 1000",
  );
  const ofTenant = db.prepare<Row>(
    "SELECT id, tenant, box, job, record FROM worktrees WHERE tenant = :tenant ORDER BY made DESC LIMIT 1000",
  );
  const write = db.prepare(
    `INSERT INTO worktrees (id, tenant, box, job, record, made, gone) VALUES (:id, :tenant, :box, :job, :record, :made, :gone)
     ON CONFLICT (id) DO UPDATE SET box = :box, job = :job, record = :record, gone = :gone`,
  );
  const take = db.prepare("UPDATE worktrees SET job = :job WHERE id = :id");

  const isLive = (id: JobId): boolean => {
    const row = jobs.find(id);
    return row !== undefined && !isOver(row);
  };
  const now = (row: Row): WorktreeRecord =>
    worktreeNow(JSON.parse(row.record) as WorktreeRecord, row.job, isLive(row.job));

  return {
    save: (lease: Lease, record: WorktreeRecord): void => {
      jobs.held(lease);
      const known = find.find({ id: record.id });
      if (known && known.tenant !== record.tenant) throw noWorktree(record.id);
      if (known && known.job !== lease.job && isLive(known.job)) throw worktreeInUse(record.id, known.job);
      const { id, tenant, box = "" } = record;
      const gone = time.tick() + worktreeMemoryMs(record);
      const made = Date.parse(record.created_at);
      write.run({ id, tenant, box, job: lease.job, record: JSON.stringify(record), made, gone });
    },
    find: (id: string, tenant?: string): WorktreeRecord | undefined => {
      const row = find.find({ id });
      return row && (tenant === undefined || row.tenant === tenant) ? now(row) : undefined;
    },
    list: ({ tenant, box, limit = 1_000 }: WorktreeQuery): readonly WorktreeRecord[] =>
      (tenant === undefined ? all.all({ before: Number.MAX_SAFE_INTEGER }) : ofTenant.all({ tenant }))
        .filter((row) => box === undefined || row.box === box)
        .map(now)
        .filter(({ status }) => status !== "removed")
        .slice(0, limit),
    /** Gives it to a job that is being queued. @throws AppError `not_found`, `worktree_in_use`, `conflict`. */
    take: (id: string, job: JobId, tenant: string): void => {
      const row = find.find({ id });
      const { status } = row ? (JSON.parse(row.record) as WorktreeRecord) : { status: "removed" };
      if (!row || row.tenant !== tenant || status === "removed") throw noWorktree(id);
      if (row.job !== job && isLive(row.job)) throw worktreeInUse(id, row.job);
      if (status !== "ready") throw worktreeNotReady(id, now(row).status);
      take.run({ id, job });
    },
  };
}

export type Worktrees = ReturnType<typeof openWorktrees>;
