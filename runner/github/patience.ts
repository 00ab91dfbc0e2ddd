import { backOff } from "../../shared/clock.ts";

/** What GitHub answered instead of what was asked for; without an answer at all the status is 500. */
export type Refusal = Readonly<{
  status: number;
  message: string;
  response?: Readonly<{ headers: Readonly<Record<string, string | number | undefined>> }>;
}>;

const mostTries = 4;
/** For a secondary limit that names no time: wait at least a minute, says GitHub. */
const unnamedMs = 60_000;

/**
 * Milliseconds after which the request may be sent again; undefined where it would be no use. Nothing here is sent
 * twice with two effects: what would open a second pull request, GitHub refuses.
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
export function waitBefore(refusal: Refusal, { tries, nowMs }: Readonly<{ tries: number; nowMs: number }>) {
  if (tries >= mostTries) return undefined;
  if (refusal.status >= 500) return backOff(tries, { baseMs: 500, capMs: 8_000 });
  const until = limitedUntil(refusal, nowMs);
  return until === undefined ? undefined : Math.max(1_000, until - nowMs);
}

/** Until when a limit refuses requests, in milliseconds since 1970 by our own clock; undefined where there is none. */
export function limitedUntil({ status, message, response }: Refusal, nowMs: number): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const headers = response?.headers ?? {};
  const after = Number(headers["retry-after"] ?? Number.NaN);
  if (Number.isFinite(after)) return nowMs + after * 1000;
  if (String(headers["x-ratelimit-remaining"]) === "0") {
    const reset = Number(headers["x-ratelimit-reset"]) * 1000;
    const theirNow = Date.parse(String(headers["date"] ?? ""));
    return nowMs + Math.max(0, reset - (Number.isNaN(theirNow) ? nowMs : theirNow));
  }
  return status === 429 || /secondary rate limit|abuse detection/i.test(message) ? nowMs + unnamedMs : undefined;
}
