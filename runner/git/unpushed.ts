import { rm } from "node:fs/promises";
import { toGitError } from "./git-failure.ts";
import { chooseLeftovers } from "./leftover-choice.ts";
import { findLeftovers } from "./leftovers.ts";
import { sourceOf } from "./prepare.ts";
import type { RepoBox } from "./repo-box.ts";
import { inTree } from "./repo-place.ts";
import { restoreMirror, restoreTree, treeExists } from "./tree-admin.ts";
import { findHead } from "./tree-head.ts";
import { indexFile, type TreeRecord } from "./tree-record.ts";

/**
 * Whether a tree has work that its repository has not: commits, or changes that would be committed, or ones that would be
 * left out for their size or name. Ignored files are no work. Only when no process works in it.
 */
export async function hasUnpushed(box: RepoBox, record: TreeRecord, signal: AbortSignal): Promise<boolean> {
  const { place } = await sourceOf(box, record.repoUrl);
  const index = `${indexFile(place.trees, record.jobId)}.look`;
  try {
    await restoreMirror(box, place, record.baseSha);
    if (!(await treeExists(place, record))) return false;
    await restoreTree(box, place, record);
    const head = await findHead(box, { place, record }, signal);
    if (head === undefined) return true;
    if (head.unfinished || (head.commit !== record.baseSha && head.commit !== record.pushed)) return true;
    const work = { tree: { ...record, source: { place } }, head, index };
    const found = await findLeftovers(box, { work, place: { ...inTree(place, record), indexFile: index } }, signal);
    const { files = [], folders = [] } = record.placed ?? {};
    const { taken, warnings } = chooseLeftovers(found, [...files, ...folders]);
    return taken.length > 0 || warnings.length > 0;
  } catch (error) {
    throw toGitError(error, { otherwise: "worktree_failed", where: `worktree ${record.path}` });
  } finally {
    await rm(index, { force: true });
  }
}
