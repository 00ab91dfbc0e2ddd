import { z } from "zod";
import { BudgetOrder } from "../../budget.ts";
import { iso } from "../../clock.ts";
import { AppError } from "../../error.ts";
import type { JobEvent } from "../../event.ts";
import { Job, type TerminalStatus, Timestamp } from "../../job.ts";
import type { EventPage, NewJob } from "../../store.ts";
import { endedInQueue, endingEvent, patched, queued } from "../job-change.ts";

/** A submission that was answered for and is not in the store yet, as far as this box knows: all of it, which the compiler sees to. */
export const Submission = z.object({
  job: Job,
  tenant: z.string(),
  repoKey: z.string().optional(),
  idempotency: z.object({ key: z.string(), body: z.string() }).optional(),
  queueTtlSeconds: z.number(),
  queue: z.string().optional(),
  budgets: z.array(BudgetOrder).optional(),
  spooled_at: Timestamp,
} satisfies Readonly<Record<keyof Submission, z.ZodType>>);
export type Submission = NewJob & Readonly<{ spooled_at: string }>;

/** A cancel that was asked for before the store knew of the job. */
export const Cancel = z.object({ name: z.string(), tenant: z.string().optional(), at: Timestamp });
export type Cancel = Readonly<{ name: string; tenant?: string; at: string }>;

/** A spooled job that ended without the store: nowhere else is told how. `by`: who cancelled it. */
export const Ended = z.object({ job: Job, tenant: z.string(), by: z.string().optional() });
export type Ended = Readonly<{ job: Job; tenant: string; by?: string | undefined }>;

/** The job as people see it while it waits: queued, as far as anybody here can tell. */
export const waitingJob = ({ job, spooled_at }: Submission, cancel?: Cancel): Job => ({
  ...queued(job),
  durability: "spooled",
  source: "file",
  as_of: spooled_at,
  stale: true,
  ...(cancel ? { cancel_requested_at: cancel.at } : {}),
});

export const cancelledJob = (file: Submission, { name, at }: Cancel, now: number): Ended => {
  const why = new AppError("cancelled", `The job was cancelled by ${name} before it reached the store.`);
  const { job, tenant } = endedJob(file, { status: "cancelled", why, now });
  return { job: { ...job, cancel_requested_at: at }, tenant, by: name };
};

export const expiredJob = (file: Submission, now: number): Ended =>
  endedJob(file, {
    status: "expired",
    why: new AppError("queue_expired", "The job's queue time was over before the store could be reached.", {
      remedy: "Submit it again.",
    }),
    now,
  });

/** The store does not take it: what it said to the replay is what it would have said to the caller. */
export const refusedJob = (file: Submission, why: AppError, now: number): Ended =>
  endedJob(file, { status: "failed", why, now });

type End = Readonly<{ status: TerminalStatus; why: AppError; now: number }>;

function endedJob({ job, tenant }: Submission, { status, why, now }: End): Ended {
  const { code: error_code, message: error, remedy } = why;
  const over = patched(endedInQueue(queued(job), status, iso(now)), { error_code, error, remedy });
  return { tenant, job: { ...over, durability: "spooled", source: "file", as_of: iso(now) } };
}

/** The cursor of the events of a job that the store does not know yet: its log, once it has one, is read from the beginning. */
export const spoolCursor = "spooled";

/** The log of a job that never had one: the cancel, if there was one, and its end. */
export function endedEvents({ job, by }: Ended, after?: string): EventPage {
  const { type, data } = endingEvent(job);
  const end: JobEvent = { id: `${spoolCursor}-end`, type, at: job.ended_at ?? job.created_at, attempt: 0, data };
  const at = job.cancel_requested_at;
  const cancel = { id: `${spoolCursor}-cancel`, type: "cancel.requested", attempt: 0, data: { by } } as const;
  const all: JobEvent[] = at === undefined || by === undefined ? [end] : [{ ...cancel, at }, end];
  return { events: all.slice(all.findIndex(({ id }) => id === after) + 1) };
}
