import { join } from "node:path";
import { checkpointRef, readCheckpoint } from "./checkpoint-ref.ts";
import { kindAt, readPlainFile } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import { type Lockable, mirrorOf, type RepoPlace, vaultOf } from "./repo-place.ts";
import { restoreMirror } from "./tree-admin.ts";
import { dropRecord, type TreeRecord } from "./tree-record.ts";

/**
 * Takes a job's tree away: folder, git's entry of it by name, branch and refs. Nothing else is pruned: a bare
 * `worktree prune` would forget trees whose disk is only away for the moment.
 */
export async function discardTree(box: RepoBox, place: RepoPlace, record: TreeRecord): Promise<void> {
  const { worktreeRoot } = box.options;
  // The way into the pool may have been cut off half-way.
  for (const path of new Set([record.path, join(worktreeRoot, ".pool", record.admin)]))
    await box.trash.discard(path, join(worktreeRoot, ".trash"));
  await box.trash.discard(join(place.mirror, "worktrees", record.admin), join(place.home, ".trash"));
  await dropBranch(box, place, record);
  await dropJobRefs(box, place, record.jobId);
  await dropRecord(place.trees, record.jobId);
}

type Entry = Readonly<{ admin: string; jobId: string; paths: readonly string[] }>;

/** Takes away what a start that failed or was cut off left: folders, git's entry, and a branch if it is this job's. */
export async function discardEntry(box: RepoBox, place: RepoPlace, { admin, jobId, paths }: Entry): Promise<void> {
  for (const path of paths) await box.trash.discard(path, join(box.options.worktreeRoot, ".trash"));
  const entry = join(place.mirror, "worktrees", admin);
  if ((await kindAt(entry)) === "nothing") return;
  const head = (await readPlainFile(join(entry, "HEAD"))) ?? "";
  const branch = /^ref: refs\/heads\/(agenticore-[0-9a-f-]+)\n$/.exec(head)?.[1];
  await box.trash.discard(entry, join(place.home, ".trash"));
  if (branch !== undefined && `agenticore-${jobId}`.startsWith(branch)) await dropBranches(box, place, [branch]);
}

export async function dropBranch(box: RepoBox, place: RepoPlace, { branch, baseSha }: TreeRecord): Promise<void> {
  await restoreMirror(box, place, baseSha);
  await dropBranches(box, place, [branch]);
}

/** A job's own refs in the vault; its objects stay for the next fetch to build on. */
export async function dropJobRefs(box: RepoBox, place: RepoPlace, ...jobIds: readonly string[]): Promise<void> {
  const refs = jobIds.flatMap((id) => [`refs/agenticore/jobs/${id}`, `refs/agenticore/results/${id}`]);
  await deleteRefs(box, refs, { gitDir: place.vault, lock: vaultOf(place) });
}

/** What was kept of a job's tree; not with the tree, which may be lost while the job goes on. */
export async function dropCheckpoint(box: RepoBox, place: RepoPlace, jobId: string): Promise<void> {
  if ((await readCheckpoint(place, jobId)) === undefined) return;
  await deleteRefs(box, [checkpointRef(jobId)], { gitDir: place.vault, lock: vaultOf(place) });
}

export async function dropBranches(box: RepoBox, place: RepoPlace, names: readonly string[]): Promise<void> {
  const refs = names.map((name) => `refs/heads/${name}`);
  await deleteRefs(box, refs, { gitDir: place.view, lock: mirrorOf(place) });
}

type Where = Readonly<{ gitDir: string; lock: Lockable }>;

async function deleteRefs(box: RepoBox, refs: readonly string[], { gitDir, lock }: Where): Promise<void> {
  if (refs.length === 0) return;
  const input = refs.map((ref) => `delete ${ref}\n`).join("");
  try {
    await box.lock(lock, ({ lockFd, signal }) =>
      box.git({ place: { gitDir, commonDir: gitDir }, args: ["update-ref", "--stdin"], input, lockFd, signal }),
    );
  } catch (error) {
    // A ref too many costs a few bytes; the tree is gone all the same.
    box.log(`could not delete ${refs.join(", ")}: ${String(error)}`);
  }
}
