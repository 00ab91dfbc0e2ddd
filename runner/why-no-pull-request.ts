import { errorCodes } from "../shared/error.ts";
import type { Trouble } from "../shared/job.ts";
import type { RepoAddress } from "../shared/repo-url.ts";

type Work = Readonly<{ branch: string; baseRef: string; isChanged: boolean }>;

/**
 * Why a job whose profile wants a pull request has none (contract 1, `pr_error`), with the address where a person opens
 * it. A local folder has none to have: undefined.
 */
export function whyNoPullRequest({ scheme, host, path }: RepoAddress, work: Work): Trouble | undefined {
  if (scheme === "local") return undefined;
  if (!work.isChanged)
    return { code: "no_changes", sentence: "Claude changed nothing.", remedy: errorCodes.no_changes.remedy };
  const page = `https://${host}${path}`;
  const compare = `${page}/compare/${encodeURI(work.baseRef)}...${work.branch}`;
  const place = host === "github.com" ? compare : page;
  return {
    code: "unsupported_forge",
    sentence: `The branch ${work.branch} was pushed; this version opens no pull request at ${host}.`,
    remedy: `Open it by hand: ${place}`,
  };
}
