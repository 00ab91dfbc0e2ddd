import { toGitError } from "./git-failure.ts";
import type { RepoBox } from "./repo-box.ts";
import { inView } from "./repo-place.ts";
import { restoreMirror } from "./tree-admin.ts";
import { findHead } from "./tree-head.ts";
import type { Worktree } from "./worktree.ts";

export type Summary = Readonly<{
  commit: string;
  diff: Readonly<{ files: number; insertions: number; deletions: number }>;
}>;

/** The head commit and how it differs from the base; undefined when nothing was committed. */
export async function summarize(box: RepoBox, tree: Worktree, signal: AbortSignal): Promise<Summary | undefined> {
  const { place } = tree.source;
  try {
    await restoreMirror(box, place, tree.baseSha);
    const head = await findHead(box, { place, record: tree }, signal);
    if (head === undefined || head.commit === tree.baseSha) return undefined;
    const args = [
      "diff",
      "--shortstat",
      "--find-renames",
      "--no-ext-diff",
      "--no-textconv",
      tree.baseSha,
      head.commit,
      "--",
    ];
    const { text } = await box.git({ place: inView(place), args, signal });
    const count = (word: RegExp) => Number(word.exec(text)?.[1] ?? 0);
    return {
      commit: head.commit,
      diff: {
        files: count(/(\d+) files? changed/),
        insertions: count(/(\d+) insertions?/),
        deletions: count(/(\d+) deletions?/),
      },
    };
  } catch (error) {
    throw toGitError(error, { otherwise: "worktree_failed", where: `worktree ${tree.path}` });
  }
}
