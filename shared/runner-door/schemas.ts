import { z } from "zod";
import { type EventType, eventFacts, type NewEvent } from "../event.ts";
import type { Histogram } from "../histogram.ts";
import { AttemptReason, Job, JobId, type JobPatch, JobProgress, Message, Timestamp } from "../job.ts";
import { ProfileSummary } from "../profile.ts";
import type {
  Claim,
  ClaimRequest,
  Ending,
  Lease,
  Release,
  Renewal,
  RenewRequest,
  RunnerRecord,
  RunnerTotals,
  SessionRecord,
  StoreLock,
  TranscriptRecord,
} from "../store.ts";
import { Worktree, type WorktreeRecord } from "../worktree.ts";

/** A schema for each field of a type of the port: a field that is added there is a type error here. */
type Fields<T> = Readonly<Record<keyof T, z.ZodType>>;

const Name = z.string().min(1).max(400);
const Queue = z.string().min(1).max(200);
/** The longest that AGENTICORE_LEASE_SECONDS can be: a lease that never ended would keep its job for good. */
const LeaseMs = z.number().positive().max(86_400_000);
/** No limit of usage lasts longer, and behind year 9999 no time can be told. */
const DelayMs = z
  .number()
  .min(0)
  .max(366 * 86_400_000);
/** A million: far more than any job may cost, and sums of it are counted exactly. */
const CostUsd = z.number().min(0).max(1_000_000);

export const LeaseProof = z.object({ job: JobId, runner: Name, fence: z.int() } satisfies Fields<Lease>);

export const ClaimOrder = z.object({
  claimId: z.uuid(),
  runner: Name,
  pod_name: Name,
  pools: z.array(Queue).max(10_000),
  leaseMs: LeaseMs,
  warm: z.array(z.string().max(2_400)).max(1_000).exactOptional(),
} satisfies Fields<ClaimRequest>);

export const Claimed = z.object({
  job: Job,
  lease: LeaseProof,
  tenant: z.string(),
  continues: z.boolean(),
  messages: z.array(Message),
} satisfies Fields<Claim>);

const variants = (Object.keys(eventFacts) as EventType[]).map((type) =>
  z.object({ type: z.literal(type), data: eventFacts[type] }),
);
const Event = z.discriminatedUnion(
  "type",
  variants as [(typeof variants)[0], ...typeof variants],
) as unknown as z.ZodType<NewEvent>;

const told = { events: z.array(Event).max(10_000).exactOptional(), firstEvent: z.int().min(0).exactOptional() };

const Patch = z.object(
  Object.fromEntries(
    Object.entries({ ...JobProgress.shape, cost_usd: CostUsd }).map(([name, schema]) => [
      name,
      z.exactOptional(schema),
    ]),
  ),
) as unknown as z.ZodType<JobPatch>;

export const RenewOrder = z.object({
  ...told,
  leaseMs: LeaseMs,
  patch: Patch.exactOptional(),
  delivered: z.array(z.string().max(100)).exactOptional(),
} satisfies Fields<RenewRequest>);

export const Renewed = z.object({
  cancel: z.object({ by: z.string(), at: z.string() }).exactOptional(),
  messages: z.array(Message),
} satisfies Fields<Renewal>);

export const EndingOrder = z.object({
  ...told,
  status: z.enum(["succeeded", "failed", "cancelled"]),
  patch: Patch,
} satisfies Fields<Ending>);

export const ReleaseOrder = z.object({
  ...told,
  reason: AttemptReason.exclude(["ended"]),
  delayMs: DelayMs.exactOptional(),
  waiting: z.object({ reason: z.string().max(4_000), until: Timestamp }).exactOptional(),
  patch: Patch.exactOptional(),
} satisfies Fields<Release>);

const Counts = z.object({
  bounds: z.array(z.number()),
  counts: z.array(z.number()),
  sum: z.number(),
} satisfies Fields<Histogram>);

const Totals = z.object({
  claims: z.number(),
  attempts: z.record(z.string(), z.number()),
  cost_usd: z.number(),
  queue_seconds: Counts,
  run_seconds: Counts,
} satisfies Fields<RunnerTotals>);

export const RunnerNote = z.object({
  id: Name,
  name: Name,
  version: z.string().max(100),
  pools: z.array(Queue).max(1_000),
  capacity: z.int(),
  running: z.array(JobId).max(10_000),
  draining: z.boolean(),
  last_seen: Timestamp,
  disk: z.object({ free_bytes: z.number(), total_bytes: z.number(), low: z.boolean() }),
  sandbox: z.string().max(200),
  profiles: z.array(ProfileSummary).max(1_000),
  totals: Totals.exactOptional(),
} satisfies Fields<RunnerRecord>);

export const SessionNote = z.object({
  id: z.string().max(100),
  tenant: z.string().max(2_400),
  repoKey: z.string().max(2_400).exactOptional(),
  job: JobId,
  runner: Name,
} satisfies Fields<SessionRecord>);

export const TranscriptNote = z.object({
  session: z.string().max(100),
  version: z.string().max(100),
  bytes: z.number(),
  box: Name,
  data: z.string().exactOptional(),
} satisfies Fields<TranscriptRecord>);

export const WorktreeNote: z.ZodType<WorktreeRecord> = Worktree.extend({ tenant: z.string(), repo_key: z.string() });

/** Locks of clone caches (contract 6): a runner takes no others. */
const LockName = z.string().regex(/^clone:[\w.:-]{1,200}$/, "must be the lock of a clone cache");
export const LockOrder = z.object({
  name: LockName,
  owner: z.string().min(1).max(200),
  ttlMs: z.int().positive().max(600_000),
} satisfies Fields<StoreLock>);

/** What a runner queues by itself: the removal of a prepared worktree that nobody used for its time. */
export const CleanupOrder = z.object({
  job: Job.extend({
    kind: z.literal("cleanup"),
    cleanup: z.object({ worktree_ids: z.array(z.uuid()).length(1), force: z.literal(false) }),
  }),
  tenant: z.string().max(2_400),
  queueTtlSeconds: z.number(),
});

const timeoutMs = z.number().min(0);
/** The waits of a runner: for a job, for what is asked of its own job, for what is asked of itself. */
export const WaitOrder = z.union([
  z.strictObject({ pools: z.array(Queue).max(10_000), timeoutMs }),
  z.strictObject({ job: JobId, control: z.literal(true), timeoutMs }),
  z.strictObject({ runner: Name, timeoutMs }),
]);
