import { z } from "zod";
import { AppError, type ErrorCode, errorCodes, type FieldError } from "./error.ts";

/** The HTTP status of each error code; the only place that knows them. */
export const statuses: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  rate_limited: 429,
  store_unavailable: 503,
  profile_not_found: 422,
  profile_invalid: 422,
  repo_not_allowed: 422,
  clone_failed: 502,
  auth_failed: 502,
  ref_not_found: 422,
  worktree_failed: 500,
  worktree_in_use: 409,
  claude_not_found: 500,
  claude_not_logged_in: 500,
  claude_failed: 502,
  claude_rate_limited: 503,
  claude_overloaded: 503,
  session_not_found: 404,
  max_turns: 422,
  budget_exceeded: 422,
  timeout: 504,
  cancelled: 409,
  runner_lost: 500,
  disk_full: 507,
  push_rejected: 502,
  pr_failed: 502,
  no_changes: 409,
  unsupported_forge: 422,
  queue_expired: 504,
  output_limit: 422,
  session_in_use: 409,
  stalled: 504,
  setup_failed: 500,
  internal: 500,
};

/** RFC 9457 problem document, with `success: false` and `error` for simple clients. */
export const Problem = z
  .object({
    success: z.literal(false),
    error: z.string(),
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    remedy: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    request_id: z.string().optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof Problem>;

type HttpFacts = ErrorOptions & Readonly<{ sentence: string; remedy?: string; errors?: readonly FieldError[] }>;

/** An AppError with a status of its own where the code's usual one does not fit (415, 413, an idempotency conflict). */
export class HttpError extends AppError {
  readonly status: number;
  constructor(status: number, code: ErrorCode, told: string | HttpFacts) {
    super(code, typeof told === "string" ? told : told.sentence, typeof told === "string" ? {} : told);
    this.status = status;
  }
}

export function toProblem(error: AppError): Problem {
  const detail =
    error.code === "internal" ? "The request failed; the log has the reason under this request's id." : error.message;
  return {
    success: false,
    error: detail,
    type: `https://agenticore.dev/problems/${error.code}`,
    title: errorCodes[error.code].title,
    status: error instanceof HttpError ? error.status : statuses[error.code],
    detail,
    code: error.code,
    remedy: error.remedy,
    ...(error.errors.length > 0 ? { errors: [...error.errors] } : {}),
  };
}

/** A zod failure as the 4xx that names every wrong field. */
export function invalidRequest(error: z.ZodError, what = "The request"): AppError {
  const errors: FieldError[] = error.issues.flatMap((issue) => {
    const path = issue.path.join(".");
    return issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: path ? `${path}.${key}` : key, message: "unknown field" }))
      : [{ path, message: issue.message }];
  });
  const first = errors[0];
  const where = first?.path ? `${first.path}: ` : "";
  return new AppError("invalid_request", `${what} is not valid: ${where}${first?.message ?? "unknown reason"}`, {
    errors,
  });
}
