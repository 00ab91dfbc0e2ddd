import { z } from "zod";
import { AppError, type ErrorCode } from "../../shared/error.ts";
import { isRefusal } from "./client.ts";
import { limitedUntil } from "./patience.ts";

/** What was being done, as in "open the pull request", and where. */
export type Doing = Readonly<{ what: string; where: string; nowMs: number }>;

/**
 * A refusal of GitHub as the user is told of it; anything else passes unchanged. No header or body of the request is in
 * it, so no token is.
 * @see https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
 */
export function toGithubError(thrown: unknown, { what, where, nowMs }: Doing): unknown {
  if (thrown instanceof z.ZodError)
    return new AppError("pr_failed", `What answered for ${where} is not GitHub's API: ${thrown.issues[0]?.message}.`, {
      cause: thrown,
      remedy: "Check GITHUB_API_URL, and what stands between this machine and it.",
    });
  if (!isRefusal(thrown)) return thrown;
  const { status, response } = thrown;
  const message = thrown.message.replace(/ - https:\/\/docs\.github\S*$/, "").slice(0, 400);
  const say = (code: ErrorCode, sentence: string, remedy: string) =>
    new AppError(code, `GitHub did not ${what} at ${where}: ${sentence}`, { cause: thrown, remedy });
  const until = limitedUntil(thrown, nowMs);
  if (until !== undefined)
    return say(
      "rate_limited",
      `its rate limit is reached until ${new Date(until).toISOString().slice(0, 19)}Z.`,
      "Publish the job after that time: `agenticore publish`.",
    );
  if (status === 401)
    return say(
      "auth_failed",
      `it refuses the credentials (${message}).`,
      "Make a new token; `agenticore doctor` checks it.",
    );
  const sso = /url=(\S+)/.exec(String(response?.headers["x-github-sso"] ?? ""))?.[1];
  if (sso !== undefined)
    return say("auth_failed", "the organization asks for single sign-on.", `Authorize the token there: ${sso}`);
  if (status === 403) {
    const needed = response?.headers["x-accepted-github-permissions"];
    return say(
      "auth_failed",
      `the token has not the right (${message}).`,
      needed === undefined
        ? "Give it the rights Contents and Pull requests (read and write); `agenticore doctor` checks it."
        : `Give it the right ${needed}; \`agenticore doctor\` checks it.`,
    );
  }
  if (status === 404)
    return say(
      "auth_failed",
      "it shows no such repository to these credentials.",
      "Check the address, and that the token or the GitHub App may use this repository.",
    );
  if (status >= 500)
    return say("pr_failed", `it cannot be reached, or is down (${message}).`, "Try again later: `agenticore publish`.");
  return say("pr_failed", `${message} (${status}).`, "Read the reason, mend it, then `agenticore publish`.");
}
