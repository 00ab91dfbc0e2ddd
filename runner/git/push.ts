import { stat } from "node:fs/promises";
import { AppError } from "../../shared/error.ts";
import { exactFetch, restoreVault } from "./fetch-base.ts";
import { GitFailure, kindOf, toGitError } from "./git-failure.ts";
import { runRemote, type Source } from "./remote.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { inView, vaultOf } from "./repo-place.ts";
import type { GitPlace } from "./run-git.ts";
import { formatOf } from "./skeleton.ts";
import { restoreMirror } from "./tree-admin.ts";
import { findRecord, writeRecord } from "./tree-record.ts";
import type { Worktree } from "./worktree.ts";

export type Pushed = Readonly<{ branch: string; commit: string; how: "new" | "updated" | "same" }>;
type Push = Readonly<{ tree: Worktree; commit: string }>;

/**
 * Gives the repository the job's commit as the job's branch, and nothing else. The same commit again is fine:
 * a lost attempt may have pushed it. A branch is overwritten only on a remote, and only where it still is
 * what we pushed there before.
 * @throws AppError push_rejected, auth_failed, disk_full.
 */
export async function pushBranch(box: RepoBox, push: Push, signal: AbortSignal): Promise<Pushed> {
  const { tree, commit } = push;
  const { address, place } = tree.source;
  if (!/^agenticore-[0-9a-f-]+$/.test(tree.branch) || !/^[0-9a-f]{40,64}$/.test(commit))
    throw new AppError("internal", `refusing to push ${commit} as ${tree.branch}`);
  try {
    await restoreMirror(box, place, tree.baseSha);
    const how =
      address.scheme === "local" ? await pushToFolder(box, push, signal) : await pushToHost(box, push, signal);
    const record = await findRecord(place.trees, tree.jobId);
    if (record !== undefined) await writeRecord(place.trees, tree.jobId, { ...record, pushed: commit });
    return { branch: tree.branch, commit, how };
  } catch (error) {
    throw toGitError(error, { otherwise: "push_rejected", where: `push to ${address.raw}` });
  }
}

/** No credentials are involved, so it goes straight from the mirror, seen with our configuration. */
async function pushToFolder(box: RepoBox, { tree, commit }: Push, signal: AbortSignal): Promise<Pushed["how"]> {
  const { source, branch } = tree;
  const send = (command: string) =>
    run(box, { source, place: inView(source.place), branch, commit, options: [`--receive-pack=${command}`] }, signal);
  const asOwner = await ownersReceivePack(source.address.path);
  if (asOwner === undefined) return await send(receivePack);
  return await send(asOwner).catch(async (error: unknown) => {
    // The owner may not be allowed into the folders above, say of a mounted volume.
    if (!(error instanceof GitFailure) || error.kind !== "no-repo") throw error;
    return await send(receivePack);
  });
}

async function pushToHost(box: RepoBox, { tree, commit }: Push, signal: AbortSignal): Promise<Pushed["how"]> {
  const { source, branch } = tree;
  await bringIntoVault(box, { tree, commit }, signal);
  const plain = { source, place: { gitDir: source.place.vault }, branch, commit, options: [] };
  try {
    return await run(box, plain, signal);
  } catch (error) {
    const before = (await findRecord(source.place.trees, tree.jobId))?.pushed;
    if (!(error instanceof GitFailure) || error.kind !== "rejected" || before === undefined) throw error;
    if (!/non-fast-forward|fetch first/.test(error.stderr)) throw error;
    return await run(box, { ...plain, options: [`--force-with-lease=refs/heads/${branch}:${before}`] }, signal);
  }
}

/** The vault never reads the agents' repository but through this: a fetch of one commit, without credentials. */
async function bringIntoVault(box: RepoBox, { tree, commit }: Push, signal: AbortSignal): Promise<void> {
  const { place } = tree.source;
  const work = async ({ lockFd, signal }: Held) => {
    await restoreVault(box, place, formatOf(commit));
    const args = [...exactFetch, place.view, `+${commit}:refs/agenticore/results/${tree.jobId}`];
    await box.git({ place: { gitDir: place.vault }, protocol: "file", args, signal, lockFd });
  };
  await box.lock(vaultOf(place), work, signal);
}

type Send = Readonly<{ source: Source; place: GitPlace; branch: string; commit: string; options: readonly string[] }>;

async function run(
  box: RepoBox,
  { source, place, branch, commit, options }: Send,
  signal: AbortSignal,
): Promise<Pushed["how"]> {
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
    answers: [1],
  });
  const line = answer.text.split("\n").find((each) => each.includes(`:${target}\t`));
  if (answer.code === 0 && line?.startsWith("=")) return "same";
  if (answer.code === 0 && line?.startsWith("*")) return "new";
  if (answer.code === 0 && line !== undefined) return "updated";
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
