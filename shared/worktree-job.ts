import { iso } from "./clock.ts";
import type { Job, JobId } from "./job.ts";

type Facts = Readonly<{
  id: JobId;
  now: number;
  pool: string;
  /** Jobs have one, whether Claude runs or not. */
  profile: string;
  maxAttempts: number;
  ttlSeconds: number;
}>;

const base = ({ id, now, pool, profile, maxAttempts, ttlSeconds }: Facts): Omit<Job, "kind" | "task"> => ({
  ...{ id, pool, profile, priority: 0, max_attempts: maxAttempts, ttl_seconds: ttlSeconds, created_at: iso(now) },
  status: "queued",
  mode: "fire_and_forget",
  routed_by: "default",
  attempt: 0,
  attempts: [],
});

/** A job that makes a worktree, whose id is the job's. */
export const prepareJob = (facts: Facts, at: Readonly<{ repo_url: string; base_ref?: string | undefined }>): Job => ({
  ...base(facts),
  kind: "prepare",
  task: `Prepare a worktree of ${at.repo_url}.`,
  worktree_id: facts.id,
  repo_url: at.repo_url,
  ...(at.base_ref === undefined ? {} : { base_ref: at.base_ref }),
});

/** A job that removes worktrees of one box. */
export const cleanupJob = (facts: Facts, what: Readonly<{ ids: readonly string[]; force: boolean }>): Job => ({
  ...base(facts),
  kind: "cleanup",
  task: `Remove ${what.ids.length === 1 ? `the worktree ${what.ids[0]}` : `${what.ids.length} worktrees`}.`,
  cleanup: { worktree_ids: [...what.ids], force: what.force },
});
