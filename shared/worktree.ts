import { z } from "zod";
import { JobRequest, Timestamp } from "./job.ts";

export const WorktreeStatus = z.enum(["preparing", "ready", "in_use", "failed", "removed"]);

/** A worktree that was prepared for later jobs, as every surface shows it. Its id is that of the job that prepares it. */
export const Worktree = z
  .object({
    id: z.uuid(),
    status: WorktreeStatus,
    repo_url: z.string(),
    base_ref: z.string().optional(),
    base_sha: z.string().optional(),
    branch: z.string().optional(),
    path: z.string().optional(),
    box: z.string().optional().describe("The machine that has it; `@shared`: each that has the shared folder."),
    pool: z.string().describe("The pool of its jobs."),
    job: z.string().optional().describe("The job that uses it, or did last."),
    pushed: z.boolean().describe("The repository has all that was done there."),
    created_at: Timestamp,
    used_at: Timestamp,
    size_bytes: z.int().optional(),
    error: z.string().optional(),
  })
  .meta({ id: "Worktree" });
export type Worktree = Readonly<z.infer<typeof Worktree>>;

/** What the store keeps of it. `status` is never `in_use`, which follows from the state of `job`. */
export type WorktreeRecord = Worktree & Readonly<{ tenant: string; repo_key: string }>;

/** As it stands, knowing whether its job lives: a preparation that ended without a word has failed. */
export function worktreeNow(record: WorktreeRecord, job: string | undefined, isLive: boolean): WorktreeRecord {
  const { status } = record;
  const now = status === "ready" && isLive ? "in_use" : status === "preparing" && !isLive ? "failed" : status;
  return { ...record, status: now, ...(job === undefined ? {} : { job }) };
}

/** How long a record is remembered behind its last change: one that is gone for less. Milliseconds. */
export const worktreeMemoryMs = ({ status }: Pick<Worktree, "status">): number =>
  (status === "removed" || status === "failed" ? 7 : 90) * 24 * 3_600_000;

/** The body of `POST /worktrees`. */
export const PrepareRequest = z
  .strictObject({
    repo_url: JobRequest.shape.repo_url.unwrap().describe("The repository; see `SubmitRequest`."),
    base_ref: JobRequest.shape.base_ref,
    pool: JobRequest.shape.pool,
  })
  .meta({ id: "PrepareRequest" });
export type PrepareRequest = z.infer<typeof PrepareRequest>;

/** The body of `POST /worktrees/cleanup`. */
export const CleanupRequest = z
  .strictObject({
    worktree_ids: z.array(z.uuid()).min(1).max(100).optional().describe("These."),
    max_age_hours: z.number().min(0).max(87_600).optional().describe("Those that nobody used for so long."),
    force: z.boolean().default(false).describe("Also those with work that was not pushed, which is lost then."),
  })
  .refine(
    ({ worktree_ids, max_age_hours }) => (worktree_ids === undefined) !== (max_age_hours === undefined),
    "needs worktree_ids or max_age_hours, and not both",
  )
  .meta({ id: "CleanupRequest" });
export type CleanupRequest = z.infer<typeof CleanupRequest>;
