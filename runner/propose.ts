import { AppError, LeaseLost } from "../shared/error.ts";
import type { Job, Trouble } from "../shared/job.ts";
import type { Profile } from "../shared/profile.ts";
import type { RepoAddress } from "../shared/repo-url.ts";
import type { Github } from "./github/github.ts";
import { whyNoPullRequest } from "./why-no-pull-request.ts";
import type { Publication, Published } from "./workplace.ts";

/** A branch as it stands at the repository; without a commit nothing was changed and nothing is there. */
type Pushed = Readonly<{
  address: RepoAddress;
  branch: string;
  baseRef: string;
  commit?: string | undefined;
  job: Job;
}>;

/**
 * The pull request that the profile wants, or why there is none. Only a lost lease and a store that is away are thrown:
 * the work is safe, and a refusal of GitHub's is a fact about the job.
 */
export async function propose(
  pushed: Pushed,
  { github, pr }: Readonly<{ github: Github; pr: Profile["pr"] | undefined }>,
  { prove, signal, draft = false }: Publication,
): Promise<Published> {
  const { address, branch, baseRef, commit, job } = pushed;
  if (pr === undefined || address.scheme === "local") return nothing;
  if (commit === undefined) return without(whyNoPullRequest("unchanged", pushed));
  const repo = github.repository(address);
  if (!repo) return without(whyNoPullRequest("forge", pushed));
  let unproven: unknown;
  const guarded = () =>
    prove().catch((error: unknown) => {
      unproven = error;
      throw error;
    });
  try {
    const end = await github.propose(
      { repo, job, branch, baseRef, commit, how: draft ? { ...pr, draft } : pr },
      { prove: guarded, signal },
    );
    if (!end) return without(whyNoPullRequest("token", { ...pushed, page: repo.page }));
    const { url, how, warnings } = end;
    return {
      patch: { pr_url: url },
      events: [{ type: how === "opened" ? "pr.opened" : "pr.updated", data: { url } }],
      warnings,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (unproven !== undefined || error instanceof LeaseLost) throw error;
    return without(asTrouble(error));
  }
}

const nothing: Published = { patch: {}, events: [], warnings: [] };

const without = (trouble: Trouble): Published => ({
  patch: { pr_error: trouble },
  events: [{ type: "pr.failed", data: { code: trouble.code, sentence: trouble.sentence } }],
  warnings: [],
});

function asTrouble(error: unknown): Trouble {
  if (error instanceof AppError) return { code: error.code, sentence: error.message, remedy: error.remedy };
  return {
    code: "pr_failed",
    sentence: `The pull request could not be opened: ${error instanceof Error ? error.message : String(error)}`,
    remedy: "Look at the runner's log, then publish the job again.",
  };
}
