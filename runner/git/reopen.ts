import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { discardTree } from "./discard-tree.ts";
import { toGitError } from "./git-failure.ts";
import { noteUse, type RepoJob, sourceOf } from "./prepare.ts";
import type { RepoBox } from "./repo-box.ts";
import { removeLocks } from "./stale-locks.ts";
import { restoreMirror, restoreTree, treeExists } from "./tree-admin.ts";
import { findHead } from "./tree-head.ts";
import { findRecord, writeRecord } from "./tree-record.ts";
import { type Worktree, worktreeOf } from "./worktree.ts";

/**
 * The tree of an earlier attempt as it was left, uncommitted changes too. Call it when no process of the job
 * lives: lock files of a killed git are removed.
 * @returns undefined when there is none that still works; then the job starts clean.
 */
export async function reopenWorktree(box: RepoBox, job: RepoJob, signal: AbortSignal): Promise<Worktree | undefined> {
  const source = await sourceOf(box, job.repoUrl);
  const { place } = source;
  const record = await findRecord(place.trees, job.id);
  if (record === undefined) return undefined;
  try {
    await restoreMirror(box, place, record.baseSha);
    if (await treeExists(place, record)) {
      await restoreTree(box, place, record);
      await removeLocks(join(place.mirror, "worktrees", record.admin));
      await rm(join(place.mirror, "refs/heads", `${record.branch}.lock`), { force: true });
      if ((await findHead(box, { place, record }, signal)) !== undefined) {
        const again = { ...record, state: "live" as const, clean: false, opening: randomUUID(), changedAt: box.now() };
        await writeRecord(place.trees, job.id, again);
        await noteUse(box, job, source);
        return await worktreeOf(box, source, again);
      }
    }
  } catch (error) {
    throw toGitError(error, { otherwise: "worktree_failed", where: `worktree ${record.path}` });
  }
  box.log(`the tree of job ${job.id} cannot be continued; it is thrown away`);
  await discardTree(box, place, record);
  return undefined;
}
