import { AppError } from "../shared/error.ts";
import { isTerminal, isWorkDone, type Job } from "../shared/job.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import { checkJobReach } from "./auth/reach.ts";
import { requireScope } from "./auth/scope.ts";
import type { ApiDeps } from "./deps.ts";
import { type Asking, findJob } from "./jobs.ts";
import { listProfiles } from "./profiles.ts";

/**
 * Queues an ended job once more for commit, push and pull request, without running Claude.
 * @throws AppError `conflict` where it is live, or has nothing to publish; `not_found`.
 */
export async function publishJob(deps: ApiDeps, id: string, asking: Asking): Promise<Job> {
  requireScope(asking.caller, "submit");
  const job = await findJob(deps, id, asking);
  checkJobReach(asking.caller, job);
  const profile = (await listProfiles(deps)).find(({ name }) => name === job.profile);
  const why = whyNot(job, profile?.auto_pr !== false);
  if (why) throw new AppError("conflict", `Job ${job.id} ${why.sentence}`, { remedy: why.remedy });
  return deps.store.retry(job.id, asking.caller.tenant, "publish");
}

type Why = Readonly<{ sentence: string; remedy: string }>;

function whyNot(job: Job, wantsPullRequest: boolean): Why | undefined {
  const { status, repo_url, commit, branch, pr_url, pr_error } = job;
  const no = (sentence: string, remedy: string): Why => ({ sentence, remedy });
  if (!isTerminal(status)) return no(`is ${status}: only an ended job can be published.`, "Wait for its end.");
  if (repo_url === undefined) return no("worked in no repository: there is nothing to publish.", "Nothing to do.");
  if (!isWorkDone(job))
    return no("has nothing to publish: Claude did not end well.", "Retry the job: Claude goes on in the same session.");
  if (status !== "succeeded") return undefined;
  if (commit === undefined) return no("has nothing to publish: Claude changed nothing.", "Nothing to do.");
  if (pr_url !== undefined && !pr_error) return no(`is published: ${pr_url}`, "Nothing to do.");
  if (parseRepoUrl(repo_url).scheme === "local")
    return no(`is published: the branch ${branch} is in ${repo_url}.`, "Nothing to do.");
  if (!wantsPullRequest && !pr_error)
    return no(
      `is published: the branch ${branch} was pushed, and its profile ${job.profile} wants no pull request.`,
      "Use a profile with `auto_pr: true`.",
    );
  return undefined;
}
