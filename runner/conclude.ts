import { iso } from "../shared/clock.ts";
import { AppError, errorCodes, LeaseLost, toAppError } from "../shared/error.ts";
import { isWorkDone, type Job, type JobPatch, type Usage } from "../shared/job.ts";
import type { Ending, Release } from "../shared/store.ts";
import type { Verdict } from "./claude/judge.ts";
import { addUsage, noUsage } from "./claude/usage.ts";
import { stopReason } from "./stop.ts";
import type { AttemptEnd } from "./totals.ts";
import type { Published } from "./workplace.ts";

/** How an attempt leaves the job: ended for good, or given back. */
export type Conclusion = Readonly<{ finish: Ending }> | Readonly<{ release: Release }>;

/** What earlier attempts spent, and this one on top. */
export const spent = (job: Job, own: Readonly<{ cost_usd: number; usage: Usage; num_turns?: number }>): JobPatch => ({
  cost_usd: (job.cost_usd ?? 0) + own.cost_usd,
  usage: addUsage(job.usage ?? noUsage, own.usage),
  ...(own.num_turns === undefined ? {} : { num_turns: (job.num_turns ?? 0) + own.num_turns }),
});

/** How often in a row the latest attempts ended waiting, and since when. */
export function waits({ attempts }: Job): Readonly<{ tries: number; sinceMs?: number }> {
  const firstOther = attempts.findLastIndex(({ reason }) => reason !== "waiting");
  const row = attempts.slice(firstOther + 1);
  return { tries: row.length, ...(row[0] ? { sinceMs: Date.parse(row[0].ended_at) } : {}) };
}

/** Claude's end, as the job shows it: this attempt's, or that of the one before where there was nothing left to do. */
export const endOf = (job: Job, verdict: Verdict): JobPatch => {
  const { output, result, exit_code, checks } = verdict === alreadyDone ? job : verdict;
  return {
    ...spent(job, verdict),
    ...(exit_code === undefined ? {} : { exit_code }),
    ...(output === undefined ? {} : { output }),
    ...(result === undefined ? {} : { result }),
    // Those of an earlier attempt whose work was lost do not stay.
    ...(checks && (checks.length > 0 || job.checks) ? { checks: [...checks] } : {}),
  };
};

/**
 * The job with how Claude had ended well in an attempt that could not say so any more; what the store knows is never less
 * in cost: another box may have worked on it in between.
 */
export function withEnd(job: Job, ended: JobPatch | undefined): Job {
  if (!ended || isWorkDone(job)) return job;
  const { cost_usd = 0, usage: _usage, num_turns: _turns, ...rest } = ended;
  return { ...job, ...(cost_usd >= (job.cost_usd ?? 0) ? ended : rest) };
}

/** An attempt behind one whose Claude had ended well: there is nothing to ask of Claude, and nothing is spent. */
export const alreadyDone: Verdict = {
  status: "succeeded",
  warnings: [],
  cost_usd: 0,
  usage: noUsage,
  num_turns: 0,
  retry: { kind: "none" },
};

/**
 * Earlier attempts have spent the whole budget and were lost before they could hand the work over: that is all that is left
 * to do. @throws any other error.
 */
export function spentBefore(error: unknown): Verdict {
  if (!(error instanceof AppError) || error.code !== "budget_exceeded") throw error;
  const why = { error_code: error.code, error: error.message, remedy: error.remedy };
  return { ...alreadyDone, ...why, status: "failed", draft: true };
}

/** What Claude's end and the publication mean for the job. */
export function concludeVerdict(
  verdict: Verdict,
  { job, published, nowMs }: Readonly<{ job: Job; published?: Published; nowMs: number }>,
): Conclusion {
  const { error_code, error, remedy } = verdict;
  const patch: JobPatch = { ...endOf(job, verdict), ...published?.patch };
  const { retry } = verdict;
  if (verdict.status === "given-back") return { release: { reason: "drained", patch: spent(job, verdict) } };
  if (retry.kind === "transient")
    return waitingFor({ reason: "backoff", untilMs: nowMs + retry.delayMs, nowMs }, spent(job, verdict));
  if (retry.kind === "waiting")
    return waitingFor({ reason: retry.reason, untilMs: retry.untilMs, nowMs }, spent(job, verdict));
  const why = error_code === undefined ? {} : { error_code, error: error ?? "", remedy: remedy ?? "" };
  return { finish: { status: verdict.status, patch: { ...patch, ...why }, events: published?.events ?? [] } };
}

function waitingFor(wait: Readonly<{ reason: string; untilMs: number; nowMs: number }>, patch: JobPatch): Conclusion {
  const delayMs = Math.max(0, wait.untilMs - wait.nowMs);
  return { release: { reason: "waiting", delayMs, waiting: { reason: wait.reason, until: iso(wait.untilMs) }, patch } };
}

/** What a failure of a step means: the job's error, or another attempt where the cause passes. */
export function concludeError(thrown: unknown, { signal }: Readonly<{ signal: AbortSignal }>): Conclusion {
  const why = stopReason(signal);
  if (why === "draining") return { release: { reason: "drained" } };
  if (why === "lease-lost" || thrown instanceof LeaseLost) return { release: { reason: "lease_lost" } };
  if (why === "cancelled")
    return { finish: { status: "cancelled", patch: asPatch("cancelled", "The job was cancelled.") } };
  const error = toAppError(thrown);
  if (error.code === "internal" || error.code === "store_unavailable") return { release: { reason: "crashed" } };
  return {
    finish: { status: "failed", patch: { error_code: error.code, error: error.message, remedy: error.remedy } },
  };
}

const asPatch = (code: AppError["code"], error: string): JobPatch => ({
  error_code: code,
  error,
  remedy: errorCodes[code].remedy,
});

/** What is counted of an attempt: its own cost, without that of earlier ones. */
export function attemptEnd(conclusion: Conclusion, before: Job, seconds: number): AttemptEnd {
  const [outcome, patch] =
    "finish" in conclusion
      ? [conclusion.finish.status, conclusion.finish.patch]
      : [conclusion.release.reason, conclusion.release.patch];
  const earlier = before.cost_usd ?? 0;
  return { outcome, seconds, cost_usd: (patch?.cost_usd ?? earlier) - earlier };
}
