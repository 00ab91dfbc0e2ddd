import { AppError, type ErrorCode, errorCodes } from "../error.ts";
import type { NewEvent } from "../event.ts";
import {
  type AttemptReason,
  isWorkDone,
  type Job,
  type JobPatch,
  type JobStatus,
  type NotifyState,
  type TerminalStatus,
} from "../job.ts";
import type { NoticeEnd } from "../notice-store.ts";

/** Pure changes of a job's visible shape; which of them is allowed, `transition` has said before. */

/** A job as it enters the queue: what only a copy, a view or a run may say is taken off. */
export function queued(job: Job): Job {
  const fresh: Job = { ...job, status: "queued", attempt: 0, attempts: [] };
  // They are hardly ever there: to name them in a pattern would copy all else field by field, each time.
  for (const name of ofLater) if (name in fresh) delete fresh[name];
  return fresh;
}
const ofLater = ["queue_position", "source", "as_of", "stale", "durability", "output", "result"] as const;

export function claimed(job: Job, by: Readonly<{ pod_name: string; at: string }>): Job {
  const { attempt, started_at = by.at } = job;
  const now = { status: "running", phase: "claimed", attempt: attempt + 1, pod_name: by.pod_name, started_at } as const;
  if (job.waiting === undefined) return { ...job, ...now };
  const { waiting, ...rest } = job;
  return { ...rest, ...now };
}

export function patched(job: Job, patch: JobPatch = {}): Job {
  const next = { ...job, ...patch };
  if (next.questions?.length === 0) delete next.questions;
  return next;
}

/** What an attempt leaves unanswered when it ends is told of as closed. */
export const closedQuestions = ({ questions = [] }: Pick<Job, "questions">): NewEvent[] =>
  questions.map(({ question_id }) => ({
    type: "question.answered",
    data: { question_id, decision: "deny", reason: "lost" },
  }));

export type AttemptEnd = Readonly<{ reason: AttemptReason; started_at: string; at: string }>;

/** The attempt that runs now goes on the list of ended ones; what was only true of it goes. */
const attemptEnded = ({ phase, questions, ...job }: Job, end: AttemptEnd): Job => ({
  ...job,
  attempts: [
    ...job.attempts,
    {
      number: job.attempt,
      pod_name: job.pod_name ?? "",
      started_at: end.started_at,
      ended_at: end.at,
      reason: end.reason,
    },
  ],
});

export function requeued(job: Job, end: AttemptEnd, waiting?: Job["waiting"]): Job {
  const { pid, ...rest } = attemptEnded(job, end);
  return { ...rest, status: "queued", ...(waiting ? { waiting } : {}) };
}

export const ended = (job: Job, status: TerminalStatus, end: AttemptEnd): Job => ({
  ...attemptEnded(job, end),
  status,
  ended_at: end.at,
});

/** The end of a job that no runner holds. */
export const endedInQueue = ({ waiting, ...job }: Job, status: TerminalStatus, at: string): Job => ({
  ...job,
  status,
  ended_at: at,
});

/**
 * A terminal job queued again: its ending goes; session, branch, tree, pull request, cost and attempts stay. Where only
 * the publication failed, Claude's result stays too: it is not asked again for what it has done. For publication alone it
 * stays always, with its warnings.
 */
export function retried(job: Job, only?: "publish"): Job {
  const { ended_at, started_at, phase, pid, waiting, cancel_requested_at, warnings, publish_only, ...rest } = job;
  const { exit_code, output, result, error, error_code, remedy, pr_error, ...kept } = rest;
  const end = { exit_code, output, result };
  if (only === "publish")
    return { ...kept, ...end, ...(warnings && { warnings }), publish_only: true, status: "queued" };
  const isUnpublished = job.status === "failed" && isWorkDone(job);
  return { ...kept, ...(isUnpublished ? end : {}), status: "queued" };
}

/** Why it ended, with the usual remedy of the code. */
export const because = (code: ErrorCode, sentence: string): JobPatch => ({
  error_code: code,
  error: sentence,
  remedy: errorCodes[code].remedy,
});

/** What became of one more notification; `at` is RFC 3339. */
export function notified(state: NotifyState | undefined, outcome: NoticeEnd, at: string): NotifyState {
  const { last_error, ...rest } = state ?? { attempts: 0, delivered: 0 };
  const attempts = rest.attempts + (outcome.kind === "expired" ? 0 : 1);
  if (outcome.kind === "delivered") return { ...rest, attempts, delivered: rest.delivered + 1, delivered_at: at };
  const isOver = outcome.kind === "expired" || (outcome.kind === "failed" && outcome.retryMs === undefined);
  return {
    ...rest,
    attempts,
    last_error: outcome.error,
    ...(isOver ? { given_up: (rest.given_up ?? 0) + 1 } : {}),
    ...(outcome.kind === "stopped" ? { stopped: true as const } : {}),
  };
}

const endings = {
  succeeded: "job.succeeded",
  failed: "job.failed",
  cancelled: "job.cancelled",
  expired: "job.expired",
} as const;

/** The terminal event of a job that has just ended. */
export function endingEvent(job: Job): NewEvent {
  const { status, error_code, error, remedy, cost_usd, commit, branch } = job;
  return {
    type: endings[asTerminal(status)],
    data: { status, error_code, error, remedy, cost_usd, commit, branch },
  };
}

function asTerminal(status: JobStatus): TerminalStatus {
  if (status === "queued" || status === "running") throw new AppError("internal", `A ${status} job has no ending.`);
  return status;
}
