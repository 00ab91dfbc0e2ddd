import { z } from "zod";
import { JobEvent } from "./event.ts";
import { Job, JobRequest, JobSummary, Timestamp } from "./job.ts";
import { ProfileSummary } from "./profile.ts";
import { Worktree } from "./worktree.ts";

/** The longest a request may be held, and what `wait: true` means without `wait_seconds`. */
export const maxWaitSeconds = 600;
export const defaultWaitSeconds = 45;

/** The body of `POST /jobs`: what is asked for, and how long the caller stays for the answer. */
export const SubmitRequest = JobRequest.extend({
  wait: z.boolean().default(false).describe("Answer when the job has ended, or after wait_seconds."),
  wait_seconds: z.int().min(1).max(maxWaitSeconds).optional().describe(`With wait; default ${defaultWaitSeconds}.`),
}).meta({ id: "SubmitRequest" });
export type SubmitRequest = z.infer<typeof SubmitRequest>;

/** A runner as others may see it: how many jobs it has, not whose. */
export const RunnerView = z
  .object({
    name: z.string(),
    version: z.string(),
    pools: z.array(z.string()),
    capacity: z.int(),
    running: z.int(),
    draining: z.boolean(),
    last_seen: Timestamp,
    disk: z.object({ free_bytes: z.number(), total_bytes: z.number(), low: z.boolean() }),
    sandbox: z.string(),
  })
  .meta({ id: "Runner" });
export type RunnerView = Readonly<z.infer<typeof RunnerView>>;

const success = z.literal(true);

/** The success bodies of contract 2, by what they carry. */
export const JobReply = z.object({ success, job: Job });
export const JobsReply = z.object({
  success,
  count: z.int(),
  jobs: z.array(JobSummary),
  next_cursor: z.string().optional(),
});
export type JobsReply = z.infer<typeof JobsReply>;
export const EventsReply = z.object({ success, events: z.array(JobEvent), next: z.string().optional() });
export type EventsReply = z.infer<typeof EventsReply>;
export const WorktreeReply = z.object({ success, worktree: Worktree });
export const WorktreesReply = z.object({ success, count: z.int(), worktrees: z.array(Worktree) });
/** Jobs that were queued at once. */
export const WorktreeJobsReply = z.object({ success, count: z.int(), jobs: z.array(Job) });
export const ProfilesReply = z.object({ success, count: z.int(), profiles: z.array(ProfileSummary) });
export const ProfileReply = z.object({ success, profile: ProfileSummary });
export const RunnersReply = z.object({ success, count: z.int(), runners: z.array(RunnerView) });
export const DrainReply = z.object({ success, name: z.string(), draining: z.int() });
/** One budget of today, in US dollars: of all jobs, of the caller's key, or of a repository. */
export const BudgetView = z
  .object({
    budget: z.enum(["total", "key", "repo"]),
    repository: z.string().optional(),
    limit_usd: z.number(),
    spent_usd: z.number(),
    reserved_usd: z.number().describe("Held for jobs that have not ended."),
    left_usd: z.number(),
  })
  .meta({ id: "Budget" });
export type BudgetView = Readonly<z.infer<typeof BudgetView>>;
export const BudgetsReply = z.object({
  success,
  day: z.string().describe("In UTC."),
  frees_at: Timestamp,
  max_per_job_usd: z.number().optional(),
  budgets: z.array(BudgetView),
});
export type BudgetsReply = z.infer<typeof BudgetsReply>;
export const HealthReply = z.object({
  success,
  status: z.literal("ok"),
  service: z.literal("agenticore"),
  version: z.string(),
});
export type HealthReply = z.infer<typeof HealthReply>;
const parts = z.record(
  z.string(),
  z.object({ ok: z.boolean(), error: z.string().optional(), waiting: z.int().optional() }),
);
/**
 * `parts` says of each part whether it answers; where one does not, a 503 problem carries the same. `waiting`: jobs that
 * this server has accepted and has still to bring to the store.
 */
export const ReadyReply = z.object({ success: z.boolean(), parts });
export type ReadyReply = z.infer<typeof ReadyReply>;
