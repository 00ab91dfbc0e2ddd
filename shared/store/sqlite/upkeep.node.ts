import { budgetMemoryMs } from "../../budget.ts";
import type { JobId } from "../../job.ts";
import { sessionRetentionMs } from "../../session-retention.ts";
import type { Context } from "./context.node.ts";
import { type JobRow, next } from "./job-rows.node.ts";
import type { Endings } from "./lease-ending.node.ts";

/** A runner silent for longer is gone (contract 2). */
export const runnerSilenceMs = 90_000;

/** What time does to jobs, in bounded steps; each runs inside a transaction and gives back the jobs that it changed. */
export function openUpkeep({ db, time, bootId, touch }: Context, endings: Endings) {
  const unrenewed = db.prepare<JobRow>(
    `SELECT * FROM jobs WHERE status = 'running' AND (lease_until <= :tick OR lease_boot <> :boot) ORDER BY lease_until LIMIT :limit`,
  );
  const overdue = db.prepare<JobRow>(
    "SELECT * FROM jobs WHERE status = 'queued' AND expires IS NOT NULL AND expires <= :tick ORDER BY expires LIMIT :limit",
  );
  const gone = db.prepare<JobRow>(
    "SELECT * FROM jobs WHERE gone IS NOT NULL AND gone <= :tick ORDER BY gone LIMIT :limit",
  );
  const removals = ["events", "messages", "docs", "jobs"].map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE seq = :seq`),
  );
  const forgets = [
    db.prepare("DELETE FROM idempotency WHERE gone IS NOT NULL AND gone <= :tick"),
    db.prepare(`DELETE FROM runners WHERE seen <= :tick - ${runnerSilenceMs}`),
    db.prepare("DELETE FROM locks WHERE until <= :tick"),
    db.prepare("DELETE FROM relayed WHERE channel IN (SELECT channel FROM relays WHERE until <= :tick)"),
    db.prepare("DELETE FROM relays WHERE until <= :tick"),
    db.prepare("DELETE FROM turns WHERE until <= :tick"),
    db.prepare(`DELETE FROM budgets WHERE seen <= :tick - ${budgetMemoryMs}`),
    db.prepare("DELETE FROM worktrees WHERE gone <= :tick"),
    db.prepare(`DELETE FROM sessions WHERE seen <= :tick - ${sessionRetentionMs}`),
    db.prepare(`DELETE FROM transcripts WHERE seen <= :tick - ${sessionRetentionMs}`),
  ];

  const reap = (limit: number): JobId[] =>
    unrenewed.all({ tick: time.tick(), boot: bootId, limit }).map((row) => {
      endings.giveBack(row, { reason: "lease_lost" });
      return row.id;
    });
  const expire = (limit: number): JobId[] =>
    overdue
      .all({ tick: time.tick(), limit })
      .filter((row) => next(row, { type: "expire" }))
      .map((row) => {
        const seconds = row.queue_ttl_ms / 1_000;
        endings.endInQueue(row, "expired", `No runner took the job within its ${seconds} s in the queue.`);
        return row.id;
      });
  const remove = (limit: number): JobId[] =>
    gone.all({ tick: time.tick(), limit }).map((row) => {
      for (const statement of removals) statement.run({ seq: row.seq });
      touch(row.id);
      return row.id;
    });
  const forget = (): void => {
    for (const statement of forgets) statement.run({ tick: time.tick() });
  };
  return { reap, expire, remove, forget };
}
