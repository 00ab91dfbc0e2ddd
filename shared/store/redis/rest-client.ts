import type { Clock } from "../../clock.ts";
import { AppError } from "../../error.ts";
import { retryAfterMs } from "../../retry-after.ts";
import type { Secret } from "../../secret.ts";
import { answeredError } from "./answered-error.ts";
import { certificateError } from "./certificate-error.ts";
import { Late, Passing } from "./patience.ts";
import { type Reply, WireError, type Word } from "./wire.ts";

export type RestClientOptions = Readonly<{
  /** Without a slash at the end. */
  base: string;
  place: string;
  token: Secret;
  clock: Clock;
  fetch: typeof fetch;
}>;

type Asked = Readonly<{ what: string; command: readonly [string, ...Word[]] }>;

/**
 * One request for one command (upstash.com/docs/redis/features/restapi): a JSON array out, `{result}` or `{error}` back.
 * Never a pipeline or a transaction: an answer belongs to one command, and bridges are known to mix transactions up.
 * @throws Passing where the request or its answer may be lost or the server is busy; else as RedisWire says.
 */
export function restClient({ base, place, token, clock, fetch }: RestClientOptions) {
  /** What the last answer said of the state of its replica; sent along, so that reads see what was written before. */
  let syncToken = "";

  async function exchange(command: Asked["command"], signal: AbortSignal) {
    const response = await fetch(base, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        "content-type": "application/json",
        ...(syncToken === "" ? {} : { "upstash-sync-token": syncToken }),
      },
      body: JSON.stringify(command),
      // Followed, a redirect would take the command and perhaps the token elsewhere.
      redirect: "manual",
      signal,
    });
    syncToken = response.headers.get("upstash-sync-token") ?? syncToken;
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      body: tryJson(await response.text()),
    };
  }

  return async ({ what, command }: Asked, ms: number): Promise<Reply> => {
    const { status, retryAfter, body } = await within(ms, clock, (signal) => exchange(command, signal)).catch(
      (error) => {
        if (error instanceof Passing) throw error;
        throw certificateError(error, place) ?? new Passing(reasonOf(error).replaceAll(token.reveal(), "…"));
      },
    );
    if (status === 200 && body?.result !== undefined) return body.result;
    if (status >= 300 && status < 400) throw noRedis(place, "answers with a redirect");
    if (status === 401 || status === 403) throw refusedToken(place);
    const said = typeof body?.error === "string" ? body.error : undefined;
    if (said === undefined || status === 404 || status === 405) {
      if (status >= 400 && status < 500 && status !== 408 && status !== 429)
        throw noRedis(place, `answers HTTP ${status}`);
      throw new Passing(`HTTP ${status} without an answer of Redis`, after(retryAfter, clock));
    }
    const error = answeredError(said, { place, what, args: command.slice(1) });
    const mine = status >= 500 || status === 429 || status === 408;
    throw mine && error instanceof WireError
      ? new Passing(`HTTP ${status}: ${error.message}`, after(retryAfter, clock))
      : error;
  };
}

/** Runs it with a signal that aborts when the time is up. @throws Passing then. */
export async function within<T>(ms: number, clock: Clock, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  void clock.sleep(ms, done.signal).then(() => done.signal.aborted || late.abort());
  try {
    return await act(late.signal);
  } catch (error) {
    throw late.signal.aborted ? new Late(ms) : error;
  } finally {
    // With a reason, since without one an error with its stack is made.
    done.abort("over");
  }
}

/** How long the server wants to be left alone (RFC 9110, 10.2.3). */
export function after(retryAfter: string | null, clock: Clock): { afterMs?: number } {
  const afterMs = retryAfterMs(retryAfter, clock.now());
  return afterMs === undefined ? {} : { afterMs };
}

const refusedToken = (place: string) =>
  new AppError("store_unavailable", `${place} refuses the token.`, {
    remedy: "Check REDIS_TOKEN: it belongs to the database that REDIS_URL names, and may write.",
  });

const noRedis = (place: string, does: string) =>
  new AppError("store_unavailable", `${place} ${does} and is no Redis over HTTP.`, {
    remedy: "Check REDIS_URL: Upstash's REST address, or that of `agenticore redis-http`.",
  });

/** The words of what lies at the bottom: `fetch failed` says nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "the request failed";
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return error.message || code || error.name;
}

function tryJson(text: string): { result?: Reply; error?: unknown } | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}
