import type { ErrorCode } from "../../shared/error.ts";
import type { ResultMessage } from "./messages.ts";
import type { Session } from "./session-state.ts";
import { shorten } from "./shorten.ts";

export type Failure = Readonly<{ code: ErrorCode; error: string; remedy?: string; untilMs?: number }>;
/** How Claude's process ended; `stderr` is its tail. */
export type End = Readonly<{
  session: Session;
  exit: Readonly<{ code: number | null; signal: string | null }>;
  stderr: string;
}>;

/** Why Claude did not succeed, in a code, a sentence and where known a remedy. The rows are measured. */
export const failureOf = (end: End): Failure =>
  end.session.result ? byResult(end, end.session.result) : (byStderr(end) ?? withoutResult(end));

function byResult(end: End, result: ResultMessage): Failure {
  const said = shorten(result.errors.join("; ") || result.result || result.subtype, 1_000);
  switch (result.subtype) {
    case "error_max_turns":
      return { code: "max_turns", error: `Claude stopped at the limit of turns: ${said}.` };
    case "error_max_budget_usd":
      return { code: "budget_exceeded", error: `Claude stopped at the budget: ${said}.` };
    case "error_during_execution":
      return byStderr({ ...end, stderr: `${said}\n${end.stderr}` }) ?? plain(`Claude stopped in mid-work: ${said}.`);
    case "success":
      return result.is_error ? byApi(end, result, said) : byExit(end);
    default:
      return plain(`Claude ended with ${result.subtype}: ${said}.`);
  }
}

/** `success` with `is_error` is how Claude reports that the API refused or was away. */
function byApi({ session }: End, result: ResultMessage, said: string): Failure {
  const status = result.api_error_status ?? undefined;
  const kind = session.apiError ?? "";
  const sentence = `The model's service answered: ${said}`;
  if (result.stop_reason === "refusal")
    return plain(`The model refused the task: ${said}`, "Word the task differently.");
  if (kind === "rate_limit" || status === 429) return limited(session.limit, said);
  if (isLogin(kind, status)) return { code: "claude_not_logged_in", error: sentence };
  if (kind === "billing_error" || /credit balance/i.test(said))
    return plain(sentence, "Add credit to the account, or use another key; then retry the job.");
  if (kind === "model_not_found" || status === 404)
    return plain(sentence, "Check `model` in the profile and ANTHROPIC_MODEL.");
  if (isAway(kind, status)) return { code: "claude_overloaded", error: sentence };
  return plain(sentence);
}

const isLogin = (kind: string, status: number | undefined): boolean =>
  ["authentication_failed", "oauth_org_not_allowed", "cloud_credential_error"].includes(kind) ||
  status === 401 ||
  status === 403;

/** Overloaded, a server's error, or no connection at all (no status, and no better word for it). */
const isAway = (kind: string, status: number | undefined): boolean =>
  kind === "overloaded" || kind === "server_error" || (status === undefined ? kind === "unknown" : status >= 500);

function limited(limit: End["session"]["limit"], said: string): Failure {
  // Older versions put the time into the text: "usage limit reached|1767225600".
  const inText = Number(/limit reached\|(\d{10})\b/.exec(said)?.[1]) * 1000;
  const untilMs = limit?.rejected ? limit.resetsAtMs : inText || undefined;
  const error = `Claude's usage or rate limit was reached: ${said}`;
  return { code: "claude_rate_limited", error, ...(untilMs === undefined ? {} : { untilMs }) };
}

/** Success by the result, but not by the exit code: something went wrong after the last turn. */
const byExit = ({ exit, stderr }: End): Failure => {
  const error = `Claude reported success and then ended with ${exitOf(exit)}${quoted(stderr)}`;
  return isFull(stderr) ? { code: "disk_full", error } : plain(error);
};

/** Claude's own words, and those of Node and the system. */
const isFull = (stderr: string): boolean => /ENOSPC|No space left on device/.test(stderr);

function byStderr({ stderr }: End): Failure | undefined {
  if (/No conversation found/i.test(stderr))
    return { code: "session_not_found", error: "This runner does not have the Claude session that the job continues." };
  if (/Session ID .* is already in use/i.test(stderr))
    return { code: "session_in_use", error: "The Claude session of this job is already in use." };
  if (/cannot be used with root/i.test(stderr))
    return plain(
      "Claude refuses `bypassPermissions` as root.",
      "Run the runner as an ordinary user, choose another `permission_mode`, or set IS_SANDBOX=1 inside a container.",
    );
  return undefined;
}

function withoutResult({ session, exit, stderr }: End): Failure {
  const how = exitOf(exit);
  if (exit.signal === "SIGKILL")
    return plain(
      `Claude was killed from outside (SIGKILL)${quoted(stderr)}`,
      "Check the box for memory shortage; then retry the job.",
    );
  if (isFull(stderr)) return { code: "disk_full", error: `Claude ended with ${how}${quoted(stderr)}` };
  if (session.recognised > 0) return plain(`Claude ended with ${how} in mid-work, without a result${quoted(stderr)}`);
  if (session.unrecognised > 0)
    return plain(
      `Claude wrote ${session.unrecognised} lines that are not its stream format, and ended with ${how}${quoted(stderr)}`,
      "Check that AGENTICORE_CLAUDE_BINARY names Claude Code; `agenticore doctor` shows its version.",
    );
  return plain(`Claude ended with ${how} and wrote nothing${quoted(stderr)}`);
}

const exitOf = ({ code, signal }: End["exit"]): string => (signal ? `signal ${signal}` : `exit code ${code}`);
const plain = (error: string, remedy?: string): Failure => ({
  code: "claude_failed",
  error,
  ...(remedy === undefined ? {} : { remedy }),
});

/** The last lines of stderr, where there are any. */
const quoted = (stderr: string): string => {
  const last = stderr.trim().split("\n").slice(-3).join(" | ").trim();
  return last === "" ? "." : `: ${shorten(last, 1_000)}`;
};
