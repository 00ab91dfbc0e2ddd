import type { Check } from "../../shared/check.ts";
import { backOff } from "../../shared/clock.ts";
import { type ErrorCode, errorCodes } from "../../shared/error.ts";
import type { ClaudeResult, Usage } from "../../shared/job.ts";
import type { Redact } from "../../shared/redact.ts";
import { type End, type Failure, failureOf } from "./failure.ts";
import type { Session } from "./session-state.ts";
import { cutMiddle } from "./shorten.ts";
import { noUsage, usageOf } from "./usage.ts";

/** Why the runner ended Claude; absent when it ended by itself. `lingered`: it had finished but did not exit. */
export type StopReason =
  | "cancelled"
  | "timeout"
  | "lease-lost"
  | "drain"
  | "output-limit"
  | "budget"
  | "stalled"
  | "looping"
  | "lingered";

export type Evidence = End &
  Readonly<{
    stop?: StopReason;
    /** What the usage receiver counted for this process: all there is when no result came. */
    metered?: Readonly<{ cost_usd: number; usage: Usage }>;
    /** Attempts of this job that already ended as transient. */
    transientTries: number;
    /** When this job first met a usage limit, milliseconds since 1970. */
    limitedSinceMs?: number;
    nowMs: number;
    redact: Redact;
  }>;

type Retry =
  | Readonly<{ kind: "none" }>
  /** The model's service was not well: again after `delayMs`. */
  | Readonly<{ kind: "transient"; delayMs: number }>
  /** A usage or rate limit: not a failure, the same session goes on after `untilMs`. */
  | Readonly<{ kind: "waiting"; reason: "usage_limit"; untilMs: number }>;

export type Verdict = Readonly<{
  /** `given-back`: this attempt says nothing about the job (lease lost, drain). */
  status: "succeeded" | "failed" | "cancelled" | "given-back";
  error_code?: ErrorCode;
  error?: string;
  remedy?: string;
  warnings: readonly string[];
  output?: string;
  result?: ClaudeResult;
  checks?: readonly Check[];
  exit_code?: number;
  /** Of this attempt alone. */
  cost_usd: number;
  usage: Usage;
  num_turns: number;
  retry: Retry;
  /** It did not succeed, but what it did is worth handing over: a draft. */
  draft?: boolean;
}>;

export const maxOutputBytes = 256 * 1024;
/** After these many transient ends in a row, about 50 minutes, the job fails. */
export const maxTransientTries = 8;
const transientDelay = { baseMs: 30_000, capMs: 600_000 };
/** A limit that does not say when it ends is asked again after a minute, doubling to an hour. */
const unknownLimit = { baseMs: 60_000, capMs: 3_600_000 };
const longestWaitMs = 24 * 3_600_000;

/** What the end of Claude's process means. Neither exit code nor subtype can be believed alone (measured). */
export function judge(evidence: Evidence): Verdict {
  const measured = facts(evidence);
  if (evidence.stop === "lease-lost") return { ...measured, status: "given-back", retry: { kind: "none" } };
  if (evidence.stop === "cancelled") return { ...measured, ...failed(stopped.cancelled), status: "cancelled" };
  if (isDone(evidence)) return { ...measured, status: "succeeded", retry: { kind: "none" } };
  if (evidence.stop === "drain") return { ...measured, status: "given-back", retry: { kind: "none" } };
  if (evidence.stop && evidence.stop !== "lingered")
    return {
      ...measured,
      ...failed(stopped[evidence.stop]),
      ...(evidence.stop === "looping" || evidence.stop === "budget" ? { draft: true } : {}),
    };
  const failure = failureOf(evidence);
  const clean = { ...failure, error: evidence.redact(failure.error) };
  const draft = clean.code === "budget_exceeded" ? { draft: true } : {};
  return { ...measured, ...failed(clean), ...retried(clean, evidence), ...draft };
}

/** jobs.md 4: a result came, the last one is a success without error, and the exit code is 0. */
function isDone({ session: { result }, exit, stop }: Evidence): boolean {
  const good = result?.subtype === "success" && !result.is_error;
  return good && (exit.code === 0 || stop === "lingered");
}

const stopped = {
  cancelled: { code: "cancelled", error: "The job was cancelled." },
  timeout: { code: "timeout", error: "Claude did not finish within the job's time limit." },
  "output-limit": { code: "output_limit", error: "Claude and its tools printed more than a job may." },
  budget: { code: "budget_exceeded", error: "The job's budget was used up." },
  stalled: {
    code: "stalled",
    error:
      "Nothing happened for too long: no word of Claude's, no output, no work of its tools, also after it was told to continue.",
  },
  looping: {
    code: "stalled",
    error: "Claude went on making the same tool call with the same result, also after it was told so.",
    remedy:
      "Read the last events; what was done is on the branch. Word the task differently, or continue with the job's session_id.",
  },
} as const satisfies Record<Exclude<StopReason, "lease-lost" | "drain" | "lingered">, Failure>;

const failed = ({ code, error, remedy }: Failure) => ({
  status: "failed" as const,
  error_code: code,
  error,
  remedy: remedy ?? errorCodes[code].remedy,
  retry: { kind: "none" } as const,
});

function retried({ code, untilMs }: Failure, evidence: Evidence): Pick<Verdict, "retry"> {
  const { transientTries, nowMs } = evidence;
  if (code === "claude_overloaded" && transientTries < maxTransientTries)
    return { retry: { kind: "transient", delayMs: backOff(transientTries, transientDelay) } };
  if (code !== "claude_rate_limited") return { retry: { kind: "none" } };
  const last = (evidence.limitedSinceMs ?? nowMs) + longestWaitMs;
  const until = untilMs !== undefined && untilMs > nowMs ? untilMs : nowMs + backOff(transientTries, unknownLimit);
  return nowMs >= last
    ? { retry: { kind: "none" } }
    : { retry: { kind: "waiting", reason: "usage_limit", untilMs: Math.min(until, last) } };
}

function facts({ session, exit, metered, redact, stop }: Evidence) {
  const { result } = session;
  const text = result?.result ?? session.lastText;
  const usage = result ? usageOf(result.modelUsage) : noUsage;
  // A turn that was cut off after a result is in the receiver's count only.
  const spent = { cost_usd: result?.total_cost_usd ?? 0, usage };
  const more = metered && (!result || (stop !== undefined && metered.cost_usd > spent.cost_usd));
  return {
    ...(more ? metered : spent),
    warnings: warningsOf(session, redact),
    num_turns: session.turns,
    checks: session.checks.done,
    ...(text === "" ? {} : { output: cutMiddle(redact(text), maxOutputBytes) }),
    ...(exit.code === null ? {} : { exit_code: exit.code }),
    ...(result ? { result: short(result, session.turns) } : {}),
  };
}

const short = (result: NonNullable<Session["result"]>, num_turns: number): ClaudeResult => ({
  subtype: result.subtype.slice(0, 100),
  is_error: result.is_error,
  num_turns,
  duration_ms: result.duration_ms,
  usage: usageOf(result.modelUsage),
  models: Object.keys(result.modelUsage).slice(0, 20),
});

function warningsOf({ denied, failedServers }: Session, redact: Redact): string[] {
  const counts = Map.groupBy(denied.values(), (tool) => tool);
  const refused = [...counts].map(
    ([tool, all]) => `The profile's permissions denied ${tool} ${all.length === 1 ? "once" : `${all.length} times`}.`,
  );
  return [...refused, ...failedServers.map((name) => `The MCP server ${name} did not start.`)].slice(0, 50).map(redact);
}
