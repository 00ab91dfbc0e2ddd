import { join } from "node:path";
import { kindAt, readPlainFile } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import { inView, type RepoPlace } from "./repo-place.ts";
import { restoreMirror } from "./tree-admin.ts";
import { dropRecord, type TreeRecord } from "./tree-record.ts";

/**
 * Takes a tree away: folder, git's entry of it by name, branch and refs. Nothing else is pruned: a bare
 * `worktree prune` would forget trees whose disk is only away for the moment.
 */
export async function discardTree(box: RepoBox, place: RepoPlace, record: TreeRecord): Promise<void> {
  await box.trash.discard(record.path, join(box.options.worktreeRoot, ".trash"));
  await box.trash.discard(join(place.mirror, "worktrees", record.admin), join(place.home, ".trash"));
  await dropBranch(box, place, record);
  await dropJobRefs(box, place, record.jobId);
  await dropRecord(place.trees, record.jobId);
}

/** What a start that was cut off left of this job: git's entry is named as the tree's folder, so by the job. */
export async function forgetEarlier(box: RepoBox, place: RepoPlace, jobId: string): Promise<void> {
  const entry = join(place.mirror, "worktrees", jobId);
  if ((await kindAt(entry)) === "nothing") return;
  const branch = /^ref: refs\/heads\/(agenticore-[0-9a-f-]+)\n$/.exec(
    (await readPlainFile(join(entry, "HEAD"))) ?? "",
  )?.[1];
  await box.trash.discard(entry, join(place.home, ".trash"));
  if (branch !== undefined && `agenticore-${jobId}`.startsWith(branch))
    await deleteRefs(box, [`refs/heads/${branch}`], { place, gitDir: place.view });
}

export async function dropBranch(box: RepoBox, place: RepoPlace, { branch, baseSha }: TreeRecord): Promise<void> {
  await restoreMirror(box, place, baseSha);
  await deleteRefs(box, [`refs/heads/${branch}`], { place, gitDir: inView(place).gitDir });
}

/** A job's own refs in the vault; its objects stay for the next fetch to build on. */
export const dropJobRefs = (box: RepoBox, place: RepoPlace, jobId: string): Promise<void> =>
  deleteRefs(box, [`refs/agenticore/jobs/${jobId}`, `refs/agenticore/results/${jobId}`], {
    place,
    gitDir: place.vault,
  });

type Where = Readonly<{ place: RepoPlace; gitDir: string }>;

async function deleteRefs(box: RepoBox, refs: readonly string[], { place, gitDir }: Where): Promise<void> {
  const input = refs.map((ref) => `delete ${ref}\n`).join("");
  try {
    await box.lock(place.key, place.lock, (lockFd) =>
      box.git({ place: { gitDir, commonDir: gitDir }, args: ["update-ref", "--stdin"], input, lockFd }),
    );
  } catch (error) {
    // A ref too many costs a few bytes; the tree is gone all the same.
    box.log(`could not delete ${refs.join(", ")}: ${String(error)}`);
  }
}
