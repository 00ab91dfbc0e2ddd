import { AppError } from "../../shared/error.ts";
import { GitFailure } from "./git-failure.ts";

type Names = Readonly<{ jobId: string; taken: readonly string[] }>;

/** What a job's branch may be called, best first. */
export const branchNames = (jobId: string): readonly string[] =>
  [8, 13, 18, 23, jobId.length].map((length) => `agenticore-${jobId.slice(0, length)}`);

/**
 * Makes a branch `agenticore-{first 8 of the job id}`, longer where the repository (`taken`) or the mirror
 * (git says so) has that already. @returns its name.
 * @throws AppError worktree_failed when all are taken.
 */
export async function makeBranch({ jobId, taken }: Names, make: (branch: string) => Promise<unknown>): Promise<string> {
  for (const branch of branchNames(jobId)) {
    if (taken.includes(branch)) continue;
    try {
      await make(branch);
      return branch;
    } catch (error) {
      if (!(error instanceof GitFailure) || error.kind !== "taken") throw error;
    }
  }
  throw new AppError("worktree_failed", `every branch name for job ${jobId} is taken already`, {
    remedy: "Delete old agenticore-* branches in the repository.",
  });
}
