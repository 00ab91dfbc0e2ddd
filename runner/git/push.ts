import { stat } from "node:fs/promises";
import { AppError } from "../../shared/error.ts";
import { branchNames } from "./branch-name.ts";
import { exactFetch, restoreVault } from "./fetch-base.ts";
import { GitFailure, kindOf, toGitError } from "./git-failure.ts";
import type { Leash } from "./leash.ts";
import { runRemote, type Source } from "./remote.ts";
import { findBranch } from "./remote-refs.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { inView, vaultOf } from "./repo-place.ts";
import type { GitPlace } from "./run-git.ts";
import { formatOf } from "./skeleton.ts";
import { restoreMirror } from "./tree-admin.ts";
import { findOwnRecord, findRecord, writeRecord } from "./tree-record.ts";
import type { Worktree } from "./worktree.ts";

export type Pushed = Readonly<{ branch: string; commit: string; how: "new" | "updated" | "same" }>;
export type Push = Readonly<{
  commit: string;
  /** What an earlier attempt was about to push: it may come there late, from a runner that had stood still. */
  earlier?: string | undefined;
  leash?: Leash | undefined;
}>;
type TreePush = Push & Readonly<{ tree: Worktree }>;

/**
 * Gives the repository the job's commit as the job's branch, and nothing else. The same commit again is fine:
 * a lost attempt may have pushed it. A branch is overwritten only on a remote, and only where it still is
 * what we pushed there before, in this attempt or an earlier one; in a person's folder the branch gets a longer name then.
 * @throws AppError push_rejected, auth_failed, disk_full.
 */
export async function pushBranch(box: RepoBox, push: TreePush, signal: AbortSignal): Promise<Pushed> {
  const { tree, commit } = push;
  const { address, place } = tree.source;
  if (!/^agenticore-[0-9a-f-]+$/.test(tree.branch) || !/^[0-9a-f]{40,64}$/.test(commit))
    throw new AppError("internal", `refusing to push ${commit} as ${tree.branch}`);
  try {
    await restoreMirror(box, place, tree.baseSha);
    const given =
      address.scheme === "local" ? await pushToFolder(box, push, signal) : await pushToHost(box, push, signal);
    const record = await findOwnRecord(place.trees, tree);
    if (record !== undefined) await writeRecord(place.trees, tree.jobId, { ...record, pushed: commit });
    return { ...given, commit };
  } catch (error) {
    throw toGitError(error, { otherwise: "push_rejected", where: `push to ${address.raw}` });
  }
}

/** No credentials are involved, so it goes straight from the mirror, seen with our configuration. */
async function pushToFolder(box: RepoBox, push: TreePush, signal: AbortSignal): Promise<Given> {
  const { tree, commit, earlier, leash } = push;
  const { source } = tree;
  const asOwner = await ownersReceivePack(source.address.path);
  const give = async (branch: string): Promise<Given> => {
    const send = (command: string) => {
      const options = [`--receive-pack=${command}`];
      return run(box, { source, place: inView(source.place), branch, commit, leash, options }, signal);
    };
    if (asOwner === undefined) return await send(receivePack);
    return await send(asOwner).catch(async (error: unknown) => {
      // The owner may not be allowed into the folders above, say of a mounted volume.
      if (!(error instanceof GitFailure) || error.kind !== "no-repo") throw error;
      return await send(receivePack);
    });
  };
  try {
    return await give(tree.branch);
  } catch (error) {
    if (!isInTheWay(error)) throw error;
    const at = (branch: string) => findBranch(box, source, { branch, signal });
    const longer = branchNames(tree.jobId).filter(({ length }) => length > tree.branch.length);
    for (const branch of longer) if ((await at(branch)) === commit) return { branch, how: "same" };
    if (earlier === undefined || (await at(tree.branch)) !== earlier) throw error;
    for (const branch of longer) if ((await at(branch)) === undefined) return await give(branch);
    throw error;
  }
}

async function pushToHost(box: RepoBox, push: TreePush, signal: AbortSignal): Promise<Given> {
  const { tree, commit, earlier, leash } = push;
  const { source, branch } = tree;
  await bringIntoVault(box, push, signal);
  const plain = { source, place: { gitDir: source.place.vault }, branch, commit, leash, options: [] };
  try {
    return await run(box, plain, signal);
  } catch (error) {
    if (!isInTheWay(error)) throw error;
    const ours = [(await findRecord(source.place.trees, tree.jobId))?.pushed, earlier];
    const there = await findBranch(box, source, { branch, signal });
    if (there === undefined || !ours.includes(there)) throw error;
    return await run(box, { ...plain, options: [`--force-with-lease=refs/heads/${branch}:${there}`] }, signal);
  }
}

/** Whether the branch holds, or has just got, something else. */
const isInTheWay = (error: unknown): boolean =>
  error instanceof GitFailure &&
  error.kind === "rejected" &&
  /non-fast-forward|fetch first|cannot lock ref|reference already exists/.test(error.stderr);

/** The vault never reads the agents' repository but through this: a fetch of one commit, without credentials. */
export async function bringIntoVault(
  box: RepoBox,
  { tree, commit }: Pick<TreePush, "tree" | "commit">,
  signal: AbortSignal,
): Promise<void> {
  const { place } = tree.source;
  const work = async ({ lockFd, signal }: Held) => {
    await restoreVault(box, place, formatOf(commit));
    const args = [...exactFetch, place.view, `+${commit}:refs/agenticore/results/${tree.jobId}`];
    await box.git({ place: { gitDir: place.vault }, protocol: "file", args, signal, lockFd });
  };
  await box.lock(vaultOf(place), work, signal);
}

type Given = Omit<Pushed, "commit">;
type Send = Omit<Push, "earlier"> &
  Readonly<{ source: Source; place: GitPlace; branch: string; options: readonly string[] }>;

async function run(
  box: RepoBox,
  { source, place, branch, commit, leash, options }: Send,
  signal: AbortSignal,
): Promise<Given> {
  const target = `refs/heads/${branch}`;
  const answer = await runRemote(box, source, {
    place,
    args: (url) => [
      ...[
        "push",
        "--porcelain",
        "--no-verify",
        "--no-signed",
        "--no-follow-tags",
        "--recurse-submodules=no",
        ...options,
      ],
      ...["--end-of-options", url, `${commit}:${target}`],
    ],
    signal,
    leash,
    answers: [1],
  });
  const line = answer.text.split("\n").find((each) => each.includes(`:${target}\t`));
  if (answer.code === 0 && line?.startsWith("=")) return { branch, how: "same" };
  if (answer.code === 0 && line?.startsWith("*")) return { branch, how: "new" };
  if (answer.code === 0 && line !== undefined) return { branch, how: "updated" };
  const stderr = `${answer.errors}\n${line === undefined ? "" : `error: ${line.slice(1).trim()}`}`;
  throw new GitFailure(line === undefined ? kindOf(stderr) : "rejected", {
    command: "push",
    stderr,
    exitCode: answer.code,
  });
}

/**
 * What git starts at the other end, in the person's repository: its hooks, its housekeeping and whatever its
 * configuration would run are off, and only a new branch or a longer one is taken.
 */
const receivePack = `git ${[
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.alternateRefsCommand=true",
  "receive.autogc=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "receive.denyCurrentBranch=refuse",
  "receive.denyDeletes=true",
  "receive.denyNonFastForwards=true",
]
  .map((setting) => `-c ${setting}`)
  .join(" ")} receive-pack`;

/** As root it runs as the folder's owner, who could not write beside objects of root later. */
async function ownersReceivePack(folder: string): Promise<string | undefined> {
  const owner = await stat(folder).catch(() => undefined);
  if (process.getuid?.() !== 0 || owner === undefined || owner.uid === 0) return undefined;
  const { uid, gid } = owner;
  return `setpriv --reuid=${uid} --regid=${gid} --clear-groups env GIT_CONFIG_GLOBAL=/dev/null HOME=/ ${receivePack}`;
}
