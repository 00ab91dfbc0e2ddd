import { AppError } from "../../shared/error.ts";
import { toGitError } from "./git-failure.ts";
import { lentInCommits } from "./lent.ts";
import type { RepoBox } from "./repo-box.ts";
import { inView } from "./repo-place.ts";
import { restoreMirror } from "./tree-admin.ts";
import { findHead } from "./tree-head.ts";
import type { Worktree } from "./worktree.ts";

export type Summary = Readonly<{
  commit: string;
  diff: Readonly<{ files: number; insertions: number; deletions: number }>;
}>;

/**
 * The person's own files were lent to the job: no commit of it may have them, by their
 * name or as copies under others; a later one that takes them away does not help.
 * @throws AppError push_rejected that names them.
 */
async function refusePlaced(
  box: RepoBox,
  tree: Worktree,
  { head, signal }: Readonly<{ head: string; signal: AbortSignal }>,
): Promise<void> {
  const names = [
    ...new Set([
      ...(await placedInCommits(box, tree, { head, signal })),
      ...(await lentInCommits(box, tree, { head, signal })),
    ]),
  ];
  if (names.length > 0)
    throw new AppError(
      "push_rejected",
      `The job committed what .worktreeinclude had lent to it, so nothing was pushed: ${names.slice(0, 20).join(", ")}.`,
      { remedy: "Run the job again, and tell it to leave these files out; or take them out of .worktreeinclude." },
    );
}

async function placedInCommits(
  box: RepoBox,
  { source, baseSha, placed }: Worktree,
  { head, signal }: Readonly<{ head: string; signal: AbortSignal }>,
): Promise<readonly string[]> {
  const files = placed?.files ?? [];
  if (files.length === 0) return [];
  const listed = ["--format=", "--name-only", "-z", "-m", "--full-history", "--no-renames", `${baseSha}..${head}`];
  const { text } = await box.git({ place: inView(source.place), args: ["log", ...listed, "--", ...files], signal });
  return text
    .split("\0")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** The head commit and how it differs from the base; undefined when nothing was committed. */
export async function summarize(box: RepoBox, tree: Worktree, signal: AbortSignal): Promise<Summary | undefined> {
  const { place } = tree.source;
  try {
    await restoreMirror(box, place, tree.baseSha);
    const head = await findHead(box, { place, record: tree }, signal);
    if (head === undefined || head.commit === tree.baseSha) return undefined;
    await refusePlaced(box, tree, { head: head.commit, signal });
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
