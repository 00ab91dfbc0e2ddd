import { AppError } from "../shared/error.ts";
import type { Job } from "../shared/job.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { RunnerDeps } from "./runner-deps.ts";

/**
 * Asks GitHub, before anything is spent, whether the job's work could be pushed and proposed. Nothing is asked where there is
 * no token: then the branch may still be pushed over ssh.
 * @returns sentences for the job where it could not be found out.
 * @throws AppError `auth_failed` or `forbidden` where it could not.
 */
export async function checkPushRight(
  { repo_url }: Job,
  { github }: Pick<RunnerDeps, "github">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const repo = repo_url === undefined ? undefined : github.repository(parseRepoUrl(repo_url));
  if (!repo) return [];
  try {
    await github.mayPropose(repo, signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError) || error.code === "auth_failed" || error.code === "forbidden") throw error;
    return [`It is not known whether the work can be pushed: ${error.message}`];
  }
}
