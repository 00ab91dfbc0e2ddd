import type { Job } from "../job.ts";
import type { Notice } from "../notice-store.ts";
import type { Redact } from "../redact.ts";

/** What of a job a receiver is told: what it is, how it stands, where the result is; not the task and not the output. */
const shown = [
  ...["id", "kind", "status", "phase", "attempt", "repo_url", "base_ref", "profile", "pool", "session_id", "metadata"],
  ...["branch", "commit", "diff", "pr_url", "pr_error", "error_code", "error", "remedy", "waiting", "cost_usd"],
  ...["num_turns", "created_at", "started_at", "ended_at"],
] as const satisfies readonly string[];

/**
 * The body of a notification: the event, and the job as it stands when this is sent; of a job that is gone its id alone.
 * No text in it has a secret that `redact` knows.
 */
export function noticeBody({ job: id, event }: Notice, job: Job | undefined, redact: Redact): string {
  const { type, at, attempt, data, id: number } = event;
  const names: readonly string[] = shown;
  const short = Object.fromEntries(Object.entries(job ?? { id }).filter(([name]) => names.includes(name)));
  const body = { type, timestamp: at, data: { job: short, event: { id: number, type, at, attempt, data } } };
  return JSON.stringify(body, (_, value: unknown) => (typeof value === "string" ? redact(value) : value));
}
