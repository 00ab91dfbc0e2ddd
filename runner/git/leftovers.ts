import { lstat, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../shared/error.ts";
import { toGitError } from "./git-failure.ts";
import { kindAt, restoreFile } from "./guard.ts";
import { chooseLeftovers, type Leftover, type LeftoverChoice, leftOut } from "./leftover-choice.ts";
import { lentAmong } from "./lent.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { inTree, inView, mirrorOf, type RepoPlace } from "./repo-place.ts";
import type { GitPlace } from "./run-git.ts";
import { removeLocks } from "./stale-locks.ts";
import { restoreMirror, restoreTree, treeExists } from "./tree-admin.ts";
import { findHead, type TreeHead } from "./tree-head.ts";
import { copyIndex, indexFile } from "./tree-record.ts";
import type { Worktree } from "./worktree.ts";

export type LeftoverCommit = Readonly<{
  /** Absent when nothing was left to commit. */
  commit: string | undefined;
  files: number;
  warnings: readonly string[];
}>;

/**
 * Commits what the agent left uncommitted, onto the job's branch, and makes HEAD that branch. Call it when no
 * process of the job lives. The agent's index is not used: the tree is compared with the commit by an index of
 * ours, no hook and no filter runs, ignored files stay out.
 * @throws AppError worktree_failed, disk_full.
 */
export async function commitLeftovers(
  box: RepoBox,
  { tree, message }: Readonly<{ tree: Worktree; message: string }>,
  signal: AbortSignal,
): Promise<LeftoverCommit> {
  const { place } = tree.source;
  await restoreMirror(box, place, tree.baseSha);
  const stripped = (await kindAt(join(tree.path, ".git"))) === "nothing";
  // Gone as a whole: what was committed counts all the same.
  if (stripped && (await kindAt(tree.path)) === "nothing") await mkdir(tree.path, { recursive: true, mode: 0o700 });
  // First of all: what is put back behind a link would be put into somebody else's repository.
  if (!(await treeExists(place, tree))) throw new AppError("worktree_failed", `${tree.path} is not the folder we made`);
  const changed = await restoreTree(box, place, tree);
  if (changed.length > 0) box.tampers.set(place.key, (box.tampers.get(place.key) ?? 0) + 1);
  await removeLocks(join(place.mirror, "worktrees", tree.admin));
  const index = `${indexFile(place.trees, tree.jobId)}.work`;
  try {
    const head = await findHead(box, { place, record: tree }, signal);
    if (head === undefined)
      throw new AppError("worktree_failed", `${tree.path}: neither HEAD nor the branch is a commit`);
    await settle(box, tree, { head, signal });
    return await commitWith(box, { tree, message, head, index, stripped }, signal);
  } catch (error) {
    throw toGitError(error, { otherwise: "worktree_failed", where: `worktree ${tree.path}` });
  } finally {
    await rm(index, { force: true });
  }
}

type Work = Readonly<{
  tree: Worktree;
  message: string;
  head: TreeHead;
  index: string;
  /** Not even its `.git` file was there. */
  stripped: boolean;
}>;

async function commitWith(box: RepoBox, work: Work, signal: AbortSignal): Promise<LeftoverCommit> {
  const { tree, head, index } = work;
  if (head.unfinished === "rebase") return { commit: undefined, files: 0, warnings: [unfinishedRebase] };
  const { mirror, vault } = tree.source.place;
  // Another job's agent may collect the mirror's garbage just now: what no branch names yet would be gone.
  const objects = { write: join(vault, "objects"), read: join(mirror, "objects") };
  const place = { ...inTree(tree.source.place, tree), indexFile: index, objects };
  const found = await findLeftovers(box, { work, place }, signal);
  const isRemoved = work.stripped && (await isEmptied(box, { place, found }, signal));
  const left = isRemoved ? found.filter(({ change }) => change !== "deleted") : found;
  if (isRemoved && left.length === 0 && head.commit === tree.baseSha) {
    await rm(tree.path, { recursive: true, force: true }); // a later attempt begins with a new one
    throw new AppError(
      "worktree_failed",
      `${tree.path} was removed while the job ran, with all that was not committed`,
      {
        remedy: "Leave the folder alone while the job runs, then retry the job: Claude does the work again.",
      },
    );
  }
  // So that nobody who comes later takes them for deleted.
  if (isRemoved) await box.git({ place, args: ["checkout-index", "--all", "--quiet"], signal });
  const { taken, warnings } = await choose(box, tree, { found: left, signal });
  const told = [
    ...(isRemoved ? [removed] : []),
    ...(head.unfinished === "merge" ? [unfinishedMerge] : []),
    ...warnings,
  ];
  if (taken.length === 0) return { commit: undefined, files: 0, warnings: told };
  const ofKind = (deleted: boolean) => taken.filter(({ change }) => (change === "deleted") === deleted);
  // `git add` refuses a path whose folder became a link, even to forget it.
  const forget = ["update-index", "-z", "--force-remove", "--stdin"];
  await box.git({ place, args: forget, input: listOf(ofKind(true)), signal });
  const add = ["add", "--all", "--ignore-errors", "--pathspec-from-file=-", "--pathspec-file-nul"];
  const added = await box.git({ place, args: add, input: listOf(ofKind(false)), answers: [1], signal });
  const written = await box.git({ place, args: ["write-tree"], signal });
  const env = authorship(tree);
  const made = ["commit-tree", written.text.trim(), "-p", head.commit, "-F", "-"];
  const commit = (await box.git({ place, args: made, env, input: `${work.message.trim()}\n`, signal })).text.trim();
  await moveBranch(box, tree, { commit, signal });
  await rename(index, join(place.gitDir, "index"));
  return { commit, files: taken.length, warnings: added.code === 0 ? told : [...told, unreadable] };
}

/** No file of the commit is there any more: who removes a worktree has not deleted them all in the work. */
async function isEmptied(
  box: RepoBox,
  { place, found }: Readonly<{ place: GitPlace; found: readonly Leftover[] }>,
  signal: AbortSignal,
): Promise<boolean> {
  const listed = await box.git({ place, args: ["ls-files", "-z"], signal });
  const deleted = found.filter(({ change }) => change === "deleted").length;
  return deleted > 0 && deleted === listed.stdout.toString("latin1").split("\0").length - 1;
}

/** Of what was found, what is the job's: without what the runner had put there, also where the agent has copied it. */
export async function choose(
  box: RepoBox,
  tree: Worktree,
  { found, signal }: Readonly<{ found: readonly Leftover[]; signal: AbortSignal }>,
): Promise<LeftoverChoice> {
  const { files = [], folders = [] } = tree.placed ?? {};
  const { taken, warnings } = chooseLeftovers(found, [...files, ...folders]);
  const lent = await lentAmong(box, { tree, taken }, signal);
  return {
    taken: taken.filter(({ path }) => !lent.has(path)),
    warnings: [...warnings, ...leftOut([...lent], "left out of the commit: a copy of what .worktreeinclude had lent")],
  };
}

const unfinishedRebase =
  "A rebase was left unfinished: the branch is as it was before it, and uncommitted files are left out.";
const unfinishedMerge = "A merge was left unfinished: its files were committed as they are.";
const removed =
  "The worktree was removed while the job ran: what was not committed is lost, and its files do not count as deleted.";
const unreadable = "Some files could not be read and were left out of the commit.";

type Look = Readonly<{
  tree: Readonly<{ path: string; jobId: string; source: Readonly<{ place: RepoPlace }> }>;
  head: Pick<TreeHead, "commit">;
  index: string;
}>;

/** What differs from the commit at HEAD, by an index of ours; ignored files are not looked at. */
export async function findLeftovers(
  box: RepoBox,
  { work, place }: Readonly<{ work: Look; place: GitPlace }>,
  signal: AbortSignal,
): Promise<readonly Leftover[]> {
  const { tree, head, index } = work;
  const saved = indexFile(tree.source.place.trees, tree.jobId);
  if ((await kindAt(saved)) === "file") await copyIndex(saved, index);
  // Entries that are the same keep their times, so that files which nobody touched are not read again.
  await box.git({ place, args: ["read-tree", "--reset", head.commit], signal });
  const status = ["status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames"];
  const listed = await box.git({ place, args: status, signal });
  const lines = listed.stdout
    .toString("latin1")
    .split("\0")
    .filter((line) => line !== "");
  const found = lines.map((line) => [line.slice(3), changeOf(line)] as const);
  return await Promise.all(
    found.map(async ([path, change]) => ({
      path,
      change,
      bytes: change === "deleted" ? 0 : await sizeOf(tree.path, path),
    })),
  );
}

const changeOf = (line: string): Leftover["change"] =>
  line.startsWith("??") ? "new" : line[1] === "D" ? "deleted" : "changed";

const sizeOf = async (tree: string, path: string): Promise<number> =>
  (await lstat(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(path, "latin1")])).catch(() => undefined))?.size ??
  0;

const authorship = ({ identity: { name, email } }: Worktree): Readonly<Record<string, string>> => ({
  GIT_AUTHOR_NAME: name,
  GIT_AUTHOR_EMAIL: email,
  GIT_COMMITTER_NAME: name,
  GIT_COMMITTER_EMAIL: email,
});

const listOf = (leftovers: readonly Leftover[]): Buffer =>
  Buffer.from(leftovers.map(({ path }) => `${path}\0`).join(""), "latin1");

/** The job's branch is the result, whatever the agent had checked out; git also needs a HEAD that makes sense. */
async function settle(
  box: RepoBox,
  tree: Worktree,
  { head, signal }: Readonly<{ head: TreeHead; signal: AbortSignal }>,
): Promise<void> {
  if (head.onOwnBranch) return;
  const folder = join(tree.source.place.mirror, "worktrees", tree.admin);
  await moveBranch(box, tree, { commit: head.commit, signal });
  await restoreFile(join(folder, "HEAD"), { name: "HEAD", text: `ref: refs/heads/${tree.branch}\n` });
}

async function moveBranch(
  box: RepoBox,
  tree: Worktree,
  { commit, signal }: Readonly<{ commit: string; signal: AbortSignal }>,
): Promise<void> {
  const { place } = tree.source;
  const args = ["update-ref", `refs/heads/${tree.branch}`, commit];
  const move = ({ lockFd, signal }: Held) => box.git({ place: inView(place), args, signal, lockFd });
  await box.lock(mirrorOf(place), move, signal);
}
