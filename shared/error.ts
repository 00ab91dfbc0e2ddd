/**
 * The closed list of error codes (contract 7). Each has a title, what to do about it, and whether
 * the runner makes another attempt by itself. Callers test the code, never the message.
 */
type Row = Readonly<{ title: string; remedy: string; retried: boolean }>;

const row = (title: string, remedy: string, retried = false): Row => ({ title, remedy, retried });

export const errorCodes = {
  invalid_request: row("The request is not valid", "Mend the fields named in `errors` and send it again."),
  unauthorized: row("An API key is needed", "Send a valid key as `Authorization: Bearer …` or `X-API-Key`."),
  forbidden: row("This is not allowed", "Use a key or an origin that is allowed to do this."),
  not_found: row("There is no such thing here", "Check the identifier; ended jobs are kept for their TTL only."),
  conflict: row("The state does not allow this", "Read the job again and decide anew."),
  rate_limited: row("Too many requests", "Wait for the seconds in `Retry-After`, then try again."),
  store_unavailable: row(
    "The store cannot be reached",
    "Check the store with `agenticore doctor`, then try again.",
    true,
  ),
  profile_not_found: row("There is no such profile", "Use one of the names that `agenticore profiles` lists."),
  profile_invalid: row("The profile is not valid", "Mend the profile file at the place that the message names."),
  repo_not_allowed: row(
    "This repository is not allowed",
    "Add it to AGENTICORE_ALLOWED_REPOS, or use an allowed address.",
  ),
  clone_failed: row("The repository could not be fetched", "Check the address and that this box can reach it."),
  auth_failed: row("The credentials were refused", "Check the token and its rights with `agenticore doctor`."),
  ref_not_found: row("The base ref does not exist", "Name a branch, tag or commit that the repository has."),
  worktree_failed: row("The worktree could not be made", "Check disk space and rights of the worktree folder."),
  worktree_in_use: row("The worktree is in use", "Wait for the job that uses it, or cancel that job."),
  claude_not_found: row(
    "The claude program was not found",
    "Install Claude Code, or set AGENTICORE_CLAUDE_BINARY to its path.",
  ),
  claude_not_logged_in: row(
    "Claude is not logged in",
    "Run `claude setup-token` and set CLAUDE_CODE_OAUTH_TOKEN, or set ANTHROPIC_API_KEY.",
  ),
  claude_failed: row("Claude ended without success", "Read the job's output and events, then retry the job."),
  claude_rate_limited: row(
    "Claude's usage limit was reached",
    "The job goes on when the limit ends; or use another account.",
    true,
  ),
  claude_overloaded: row(
    "The model's service was overloaded",
    "Try again later; the runner has already tried several times.",
    true,
  ),
  session_not_found: row("The session cannot be continued", "Check the session id, or start without one."),
  max_turns: row(
    "The turn limit was reached",
    "Raise `max_turns` in the profile, or continue with the job's session_id.",
  ),
  budget_exceeded: row("The budget was used up", "Raise `max_budget_usd`, or continue with the job's session_id."),
  timeout: row("The time limit was reached", "Raise `timeout_seconds`, or split the task."),
  cancelled: row("The job was cancelled", "Submit it again if it is still wanted."),
  runner_lost: row("Every attempt lost its runner", "Look at the runner's log and memory; then retry the job."),
  disk_full: row("The disk is full", "Free space on the runner's disk, then retry the job."),
  push_rejected: row(
    "The push was rejected",
    "Check branch rules and rights, then retry the job: only the push is done again.",
  ),
  pr_failed: row("The pull request could not be opened", "Read the reason, then retry the job."),
  no_changes: row("Nothing was changed", "Nothing to do; make the task more explicit if a change was wanted."),
  unsupported_forge: row(
    "Pull requests are not supported there",
    "Open the merge request by hand from the pushed branch.",
  ),
  queue_expired: row("The job waited too long in the queue", "Start a runner that serves its pool, then submit again."),
  output_limit: row("The job printed too much", "Make the task's commands print less."),
  session_in_use: row("Another job uses this session", "Wait for that job to end, or cancel it."),
  stalled: row("Nothing happened for too long", "Read the events for the last step, then retry the job."),
  setup_failed: row("The job could not be set up", "Read the message; `agenticore doctor` checks the usual causes."),
  internal: row(
    "Something went wrong inside Agenticore",
    "Look in the log for this request; report it if it comes again.",
    true,
  ),
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof errorCodes;

/** One wrong place in the input: `path` as in `metadata.team`, empty for the whole. */
export type FieldError = Readonly<{ path: string; message: string }>;

type Facts = ErrorOptions & Readonly<{ remedy?: string; errors?: readonly FieldError[] }>;

/** A failure that a user is told about: a code from the closed list, a sentence, a remedy. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly errors: readonly FieldError[];
  constructor(code: ErrorCode, sentence: string, facts: Facts = {}) {
    super(sentence, facts);
    this.name = "AppError";
    this.code = code;
    this.remedy = facts.remedy ?? errorCodes[code].remedy;
    this.errors = facts.errors ?? [];
  }
}

/** Another runner holds the job, or it has ended: whoever gets this stops and reports nothing. */
export class LeaseLost extends Error {
  readonly job: string;
  constructor(job: string, options?: ErrorOptions) {
    super(`job ${job} is no longer leased to this runner`, options);
    this.name = "LeaseLost";
    this.job = job;
  }
}

/** Anything thrown, as an AppError; what is not ours becomes `internal` and keeps its cause. */
export const toAppError = (thrown: unknown): AppError =>
  thrown instanceof AppError
    ? thrown
    : new AppError("internal", thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });

/** The store cannot be reached, or cannot serve: what was asked may or may not have been done. */
export const isStoreAway = (thrown: unknown): boolean =>
  thrown instanceof AppError && thrown.code === "store_unavailable";
