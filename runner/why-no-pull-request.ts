import { errorCodes } from "../shared/error.ts";
import type { Trouble } from "../shared/job.ts";
import type { RepoAddress } from "../shared/repo-url.ts";

type Work = Readonly<{
  address: RepoAddress;
  branch: string;
  baseRef: string;
  /** Where people see the repository, of GitHub's. */
  page?: string;
}>;

/** Why a job whose profile wants a pull request has none (contract 1, `pr_error`), with the address where a person opens it. */
export function whyNoPullRequest(reason: "unchanged" | "forge" | "token", work: Work): Trouble {
  const { address, branch, baseRef, page } = work;
  const place = page ? `${page}/compare/${encodeURI(baseRef)}...${branch}` : `https://${address.host}${address.path}`;
  switch (reason) {
    case "unchanged":
      return { code: "no_changes", sentence: "Claude changed nothing.", remedy: errorCodes.no_changes.remedy };
    case "forge":
      return {
        code: "unsupported_forge",
        sentence: `The branch ${branch} was pushed; at ${address.host} no pull request can be opened, which is not GitHub.`,
        remedy: `Open it by hand: ${place} (a GitHub of one's own is named by GITHUB_API_URL).`,
      };
    case "token":
      return {
        code: "auth_failed",
        sentence: `The branch ${branch} was pushed; there is no GitHub token to open the pull request with.`,
        remedy: `Set GITHUB_TOKEN or a GitHub App on the runner, then publish the job; or open it by hand: ${place}`,
      };
    default:
      return reason satisfies never;
  }
}
