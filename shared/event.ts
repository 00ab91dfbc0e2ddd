import { z } from "zod";
import { ErrorCodeName, JobPhase, Timestamp, Usage } from "./job.ts";
import { Decision, Question, QuestionEnd } from "./question.ts";

const Ending = z.object({
  status: z.string(),
  error_code: ErrorCodeName.optional(),
  error: z.string().optional(),
  remedy: z.string().optional(),
  cost_usd: z.number().optional(),
  commit: z.string().optional(),
  branch: z.string().optional(),
});

/** The closed vocabulary of what happens to a job (contract 2), each with its own facts. */
export const eventFacts = {
  "job.queued": z.object({ reason: z.string().optional() }),
  "job.claimed": z.object({ pod_name: z.string() }),
  "job.delayed": z.object({ reason: z.string(), until: Timestamp }),
  "phase.changed": z.object({ phase: JobPhase }),
  "repo.fetched": z.object({ base_ref: z.string(), commit: z.string(), ms: z.number(), warm: z.boolean() }),
  "worktree.opened": z.object({ path: z.string(), branch: z.string(), from: z.string(), ms: z.number() }),
  "claude.started": z.object({
    session_id: z.string(),
    pid: z.int(),
    resumed: z.boolean(),
    model: z.string().optional(),
  }),
  "claude.said": z.object({ text: z.string() }),
  "tool.started": z.object({ tool: z.string(), tool_use_id: z.string(), input: z.string() }),
  "tool.ended": z.object({ tool_use_id: z.string(), is_error: z.boolean(), output: z.string() }),
  "claude.retrying": z.object({
    attempt: z.number(),
    status: z.number().nullable(),
    error: z.string(),
    delay_ms: z.number(),
  }),
  "permission.denied": z.object({ tool: z.string(), tool_use_id: z.string().optional() }),
  "question.asked": Question,
  "question.answered": z.object({
    question_id: z.string(),
    decision: Decision,
    reason: QuestionEnd,
    by: z.string().optional(),
    message: z.string().optional(),
  }),
  "usage.updated": z.object({ cost_usd: z.number(), usage: Usage }),
  "message.received": z.object({ message_id: z.string(), mode: z.string() }),
  "message.delivered": z.object({ message_id: z.string() }),
  "cancel.requested": z.object({ by: z.string() }),
  "budget.warned": z.object({ cost_usd: z.number(), max_budget_usd: z.number() }),
  "output.truncated": z.object({ bytes: z.number() }),
  "log.dropped": z.object({ count: z.number(), bytes: z.number() }),
  "lease.lost": z.object({ pod_name: z.string(), reason: z.string() }),
  "work.committed": z.object({ commit: z.string(), files: z.number(), insertions: z.number(), deletions: z.number() }),
  "branch.pushed": z.object({ branch: z.string(), commit: z.string(), remote: z.string() }),
  "pr.opened": z.object({ url: z.string() }),
  "pr.updated": z.object({ url: z.string() }),
  "pr.failed": z.object({ code: ErrorCodeName, sentence: z.string() }),
  "job.succeeded": Ending,
  "job.failed": Ending,
  "job.cancelled": Ending,
  "job.expired": Ending,
} as const;

export type EventType = keyof typeof eventFacts;
export const eventTypes = Object.keys(eventFacts) as [EventType, ...EventType[]];

/** What a writer appends: the store adds id, time and attempt. */
export type NewEvent = { [T in EventType]: Readonly<{ type: T; data: z.infer<(typeof eventFacts)[T]> }> }[EventType];

/** An entry of a job's log. `id` is opaque, ordered within the job, and the SSE id. */
export const JobEvent = z
  .object({
    id: z.string(),
    type: z.enum(eventTypes),
    at: Timestamp,
    attempt: z.int(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "JobEvent" });
export type JobEvent = Readonly<z.infer<typeof JobEvent>>;

/** What a stream says of itself: the store is away, and nothing newer than `as_of` is known; or it is back. No entry of the log, so it has no id. */
export const StaleNote = z.discriminatedUnion("stale", [
  z.object({ stale: z.literal(true), source: z.literal("file"), as_of: Timestamp }),
  z.object({ stale: z.literal(false) }),
]);
export type StaleNote = Readonly<z.infer<typeof StaleNote>>;
/** The name of its frame. */
export const staleEvent = "stale";

const terminalTypes: readonly EventType[] = ["job.succeeded", "job.failed", "job.cancelled", "job.expired"];
/** What a `notify_url` is told of: the end of a job, a wait, a question to people. */
const noted: readonly string[] = [...terminalTypes, "job.delayed", "question.asked"];
export const noticeTypes: readonly EventType[] = eventTypes.filter((type) => noted.includes(type));

export const isTerminalEvent = (event: Pick<JobEvent, "type">): boolean => terminalTypes.includes(event.type);
