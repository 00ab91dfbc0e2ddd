import { type Args, numberOf } from "../marker.ts";
import type { Failure } from "../reply.ts";
import type { Scenario, Turn } from "../turn.ts";

/**
 * Errors of the API. `failures=N` of them at each step, by default for ever; `until=NAME` none after its
 * release; `at=N` only after as many tool results. Then `then=SCENARIO` goes on, by default a text.
 */
export const failures = {
  unauthorized: failing(() => error(401, "authentication_error", "invalid x-api-key")),
  invalid: failing(() => error(400, "invalid_request_error", "The scripted model does not like this request.")),
  "credit-too-low": failing(() =>
    error(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
  ),
  overloaded: failing(() => error(529, "overloaded_error", "Overloaded")),
  "server-error": failing(() => error(500, "api_error", "Internal server error")),
  "rate-limited": failing(() => error(429, "rate_limit_error", "Too many requests, try again.")),
  /** `resets=SECONDS` from now (default 3600): the limit of a subscription, with its headers. */
  "usage-limit": failing((args) => {
    const resets = numberOf(args, "resets", 3_600);
    return {
      ...error(429, "rate_limit_error", "This request would exceed your account's rate limit."),
      headers: limit(resets),
    };
  }),
} as const satisfies Record<string, Scenario>;

function failing(failure: (args: Args) => Failure): Scenario {
  return (turn) => (fails(turn) ? failure(turn.args) : undefined);
}

function fails({ args, tries, results, released }: Turn): boolean {
  if (results.length !== numberOf(args, "at", results.length)) return false;
  if (args["until"] !== undefined && released(args["until"])) return false;
  return tries < numberOf(args, "failures", Number.MAX_SAFE_INTEGER);
}

const error = (status: number, type: string, message: string): Failure => ({ kind: "failure", status, type, message });

/** What the API sends with a refused subscription request; the CLI reads the time of the reset from it. */
function limit(seconds: number): Record<string, string> {
  const reset = String(Math.floor(Date.now() / 1_000) + seconds);
  return {
    "retry-after": String(seconds),
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": reset,
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-5h-status": "rejected",
    "anthropic-ratelimit-unified-5h-reset": reset,
    "anthropic-ratelimit-unified-5h-utilization": "1",
    "anthropic-ratelimit-unified-overage-status": "rejected",
  };
}
