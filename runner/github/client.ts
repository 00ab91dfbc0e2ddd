import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import type { Clock } from "../../shared/clock.ts";
import type { Log } from "../../shared/log.ts";
import { type Refusal, waitBefore } from "./patience.ts";

/** Sends one request, typed by its route. @throws what `toGithubError` understands. */
export type GithubRequest = Octokit["request"];
export type GithubAccount = Readonly<{ token: string }> | Readonly<{ appId: string; privateKey: string }>;

export type GithubClientOptions = Readonly<{
  /** `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server. */
  apiUrl: string;
  fetch: typeof globalThis.fetch;
  clock: Clock;
  log: Log;
}>;

/** For one request; and for all the waiting before it is given up, so that a job does not hold its place for an hour. */
const deadlineMs = 30_000;
const patienceMs = 120_000;

/**
 * GitHub's REST API as one account. A request has a deadline; where GitHub is down or says to come again soon, it is
 * sent again, and then given up. Signals given as `request: { signal }` are heard in between too.
 */
export function githubClient(
  { apiUrl, fetch, clock, log }: GithubClientOptions,
  account: GithubAccount,
): GithubRequest {
  const timed: typeof globalThis.fetch = (input, init) => {
    const ends = AbortSignal.timeout(deadlineMs);
    return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, ends]) : ends });
  };
  const octokit = new Octokit({
    baseUrl: apiUrl.replace(/\/+$/, ""),
    userAgent: "agenticore",
    request: { fetch: timed },
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (text) => log.warn(text),
      error: (text) => log.warn(text),
    },
    ...("token" in account ? { auth: account.token } : { authStrategy: createAppAuth, auth: account }),
  });
  octokit.hook.wrap("request", async (request, options) => {
    const signal: AbortSignal | undefined = options.request?.signal;
    const since = clock.uptime();
    for (let tries = 0; ; tries += 1) {
      try {
        return await request(options);
      } catch (error) {
        signal?.throwIfAborted();
        const waitMs = isRefusal(error) ? waitBefore(error, { tries, nowMs: clock.now() }) : undefined;
        if (waitMs === undefined || clock.uptime() - since + waitMs > patienceMs) throw error;
        log.warn("GitHub is asked again", { status: (error as Refusal).status, wait_ms: Math.round(waitMs) });
        await clock.sleep(waitMs, signal);
        signal?.throwIfAborted();
      }
    }
  });
  return octokit.request.defaults({ headers: { "x-github-api-version": "2022-11-28" } });
}

/** Octokit's error of a request; what else is thrown is no answer of GitHub's. */
export const isRefusal = (thrown: unknown): thrown is Refusal & Error =>
  thrown instanceof Error && thrown.name === "HttpError" && "status" in thrown && typeof thrown.status === "number";
