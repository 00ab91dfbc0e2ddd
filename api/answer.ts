import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { BudgetUsedUp } from "../shared/budget.ts";
import { AppError, toAppError } from "../shared/error.ts";
import type { Log } from "../shared/log.ts";
import { HttpError, toProblem } from "../shared/problem.ts";
import type { ApiEnv } from "./asked.ts";
import { auditRefusal } from "./audit.ts";
import { RateLimited } from "./auth/rate-limited.ts";
import { RefusedToken } from "./auth/refused-token.ts";
import { MissingScope } from "./auth/scope.ts";

/** A body with a thousand wrong fields is told of so many of them. */
const maxErrors = 100;

/** Where every error becomes an answer (RFC 9457). What is not ours is a 500 whose text stays in the log. */
export function answerError(thrown: unknown, c: Context<ApiEnv>, log: Log): Response {
  const error = thrown instanceof HTTPException ? fromHono(thrown) : toAppError(thrown);
  const problem = toProblem(error);
  const request_id = c.get("asked").requestId;
  if (problem.status >= 500)
    log.error("request failed", {
      request_id,
      method: c.req.method,
      path: c.req.path,
      code: error.code,
      error: error.cause ?? error,
    });
  auditRefusal(log, error, { request_id, method: c.req.method, path: c.req.path, caller: c.get("asked").caller });
  const challenge = challengeOf(error, problem.status, c.get("asked").resourceMetadata);
  if (challenge !== undefined) c.header("www-authenticate", challenge);
  if (problem.status === 503 || problem.status === 429) c.header("retry-after", retryAfter(error));
  const errors = problem.errors?.slice(0, maxErrors);
  return c.body(
    JSON.stringify({ ...problem, ...(errors ? { errors } : {}), request_id }),
    problem.status as ContentfulStatusCode,
    { "content-type": "application/problem+json" },
  );
}

/** RFC 6750, 3; where to find who gives tokens: RFC 9728, 5.1. */
function challengeOf(error: AppError, status: number, metadata: string | undefined): string | undefined {
  if (status !== 401 && !(error instanceof MissingScope)) return undefined;
  const parts = [
    'realm="agenticore"',
    ...(error instanceof RefusedToken ? ['error="invalid_token"', `error_description="${error.message}"`] : []),
    ...(error instanceof MissingScope ? ['error="insufficient_scope"', `scope="${error.scope}"`] : []),
    ...(metadata === undefined ? [] : [`resource_metadata="${metadata}"`]),
  ];
  return `Bearer ${parts.join(", ")}`;
}

/** Seconds, or the time when there is money again (RFC 9110, 10.2.3). */
function retryAfter(error: AppError): string {
  if (error instanceof BudgetUsedUp) return new Date(error.freeAt).toUTCString();
  return error instanceof RateLimited ? String(error.seconds) : "5";
}

/** What the framework itself refuses: a body that is no JSON. */
function fromHono(thrown: HTTPException): AppError {
  if (thrown.status !== 400) return new HttpError(thrown.status, "invalid_request", thrown.message);
  return new AppError("invalid_request", "The body is not valid JSON.", {
    cause: thrown,
    errors: [{ path: "", message: "is not valid JSON" }],
    remedy: "Send one JSON object.",
  });
}

/** For a path that is ours with a method that is not. */
export const wrongMethod = (method: string, path: string, allowed: readonly string[]): AppError =>
  new HttpError(405, "invalid_request", {
    sentence: `${path} does not take ${method}; it takes ${allowed.join(", ")}.`,
    errors: [{ path: "", message: `method must be ${allowed.join(" or ")}` }],
    remedy: "See /openapi.json for what each path takes.",
  });

export const noSuchPath = (method: string, path: string): AppError =>
  new AppError("not_found", `There is no ${method} ${path} here.`, {
    remedy: "See /openapi.json for the paths that exist.",
  });
