import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../shared/error.ts";
import type { JobPatch } from "../../shared/job.ts";
import { makeBranch } from "./branch-name.ts";
import { discardStart } from "./cut-off-start.ts";
import { discardEntry } from "./discard-tree.ts";
import { rebuildVault } from "./fetch-base.ts";
import { GitFailure, toGitError } from "./git-failure.ts";
import { kindAt, restoreFile } from "./guard.ts";
import { newRecord } from "./new-record.ts";
import type { Placed } from "./placed.ts";
import { takeFromPool } from "./pool.ts";
import type { Prepared, RepoJob } from "./prepare.ts";
import type { Source } from "./remote.ts";
import type { Identity, RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { inTree, inView, mirrorOf, type RepoPlace } from "./repo-place.ts";
import { removeOldLock } from "./stale-locks.ts";
import { gitFileOf, restoreMirror } from "./tree-admin.ts";
import { copyIndex, indexFile, type TreeRecord, writeRecord } from "./tree-record.ts";
import { warningsAbout } from "./tree-warnings.ts";

/** A tree that one job owns, with the paths that a sandbox has to let through. */
export type Worktree = Readonly<{
  jobId: string;
  path: string;
  branch: string;
  baseRef: string;
  baseSha: string;
  /** Author of commits; the agent's git gets it too. */
  identity: Identity;
  source: Source;
  admin: string;
  /** The agent's git writes below here. */
  mirror: string;
  /** The agent's git only reads here. */
  vaultObjects: string;
  fromPool: boolean;
  reopened: boolean;
  /** See the record. */
  opening?: string | undefined;
  /** All that the job's Claude did is here, see `noteDone`. */
  done: boolean;
  /** How Claude had ended then. */
  ended?: JobPatch;
  /** The commit that the repository has from this tree. */
  pushed?: string;
  /** What was told of as the job's commit. */
  commits: readonly string[];
  placed?: Placed;
  /** How often tampering with the mirror had been seen when this tree was opened. */
  tampersAtOpen: number;
  warnings: readonly string[];
}>;

/**
 * A worktree of the prepared commit at `{worktree root}/{job id}`, on a branch of the job's own, locked.
 * Warm from the pool where there is one.
 * @throws AppError worktree_failed, disk_full.
 */
export async function openWorktree(
  box: RepoBox,
  { prepared, job }: Readonly<{ prepared: Prepared; job: RepoJob }>,
  signal: AbortSignal,
): Promise<Worktree> {
  const { place } = prepared.source;
  const open = async (): Promise<TreeRecord & { warm: boolean }> => {
    await restoreMirror(box, place, prepared.baseSha);
    await discardStart(box, place, { jobId: job.id, path: join(box.options.worktreeRoot, job.id) });
    const warm = prepared.goesOn ? undefined : await takeFromPool(box, { prepared, job }, signal);
    return warm === undefined
      ? { ...(await openFresh(box, { prepared, job }, signal)), warm: false }
      : { ...warm, warm: true };
  };
  try {
    const record = await open().catch(async (error: unknown) => {
      if (!(error instanceof GitFailure) || error.kind !== "corrupt") throw error;
      const { source, refs } = prepared;
      await rebuildVault(box, { source, refs, jobId: job.id }, signal);
      return await open();
    });
    const git = join(place.mirror, "worktrees", record.admin);
    await Promise.all([
      writeRecord(place.trees, job.id, record),
      copyIndex(join(git, "index"), indexFile(place.trees, job.id)),
    ]);
    return { ...(await worktreeOf(box, prepared.source, record)), fromPool: record.warm };
  } catch (error) {
    throw toGitError(error, { otherwise: "worktree_failed", where: `worktree of ${prepared.source.address.raw}` });
  }
}

/** What callers get of a record. */
export async function worktreeOf(box: RepoBox, source: Source, record: TreeRecord): Promise<Worktree> {
  const { jobId, path, branch, baseRef, baseSha, identity, admin } = record;
  const { mirror, vault, key } = source.place;
  return {
    ...{ jobId, path, branch, baseRef, baseSha, identity, admin, source, mirror },
    vaultObjects: join(vault, "objects"),
    fromPool: false,
    reopened: !record.clean,
    opening: record.opening,
    done: record.done ?? false,
    ...(record.ended === undefined ? {} : { ended: record.ended }),
    ...(record.pushed === undefined ? {} : { pushed: record.pushed }),
    ...(record.placed === undefined ? {} : { placed: record.placed }),
    commits: record.commits ?? [],
    tampersAtOpen: box.tampers.get(key) ?? 0,
    warnings: await warningsAbout(path),
  };
}

async function openFresh(
  box: RepoBox,
  { prepared, job }: Readonly<{ prepared: Prepared; job: RepoJob }>,
  signal: AbortSignal,
): Promise<TreeRecord> {
  const { place } = prepared.source;
  const path = join(box.options.worktreeRoot, job.id);
  await mkdir(place.trees, { recursive: true, mode: 0o700 });
  // Git names its entry after the folder, so an earlier start of this job had these too.
  await discardEntry(box, place, { admin: job.id, jobId: job.id, paths: [path] });
  const make = (name: string) => add(box, { prepared, path, branch: name, job }, signal);
  const { goesOn } = prepared;
  if (goesOn) await make(goesOn.branch);
  const taken = [...prepared.refs.ours.keys()];
  const branch = goesOn?.branch ?? (await makeBranch({ jobId: job.id, taken }, make));
  const record = {
    ...newRecord(prepared, { jobId: job.id, branch, path, admin: await adminName(place, path), now: box.now() }),
    ...(goesOn ? { clean: false, ...pushedOf(goesOn) } : {}),
  };
  try {
    await restoreFile(join(path, ".git"), { name: ".git", text: gitFileOf(place, record.admin) });
    await box.git({ place: inTree(place, record), args: ["reset", "--hard", "--quiet"], signal });
    if (goesOn?.state !== undefined) {
      const read = (...args: readonly string[]) =>
        box.git({ place: inTree(place, record), args: ["read-tree", "--reset", ...args], signal });
      await read("-u", goesOn.state);
      await read(goesOn.commit); // so that it is uncommitted again
    }
    return record;
  } catch (error) {
    await discardEntry(box, place, { ...record, paths: [path] });
    throw error;
  }
}

const pushedOf = ({ state, commit, pushed }: NonNullable<Prepared["goesOn"]>): Pick<TreeRecord, "pushed"> => {
  const there = state === undefined ? commit : pushed;
  return there === undefined ? {} : { pushed: there };
};

type Plan = Readonly<{ prepared: Prepared; job: RepoJob; path: string; branch: string }>;

/** Only the entry is made under the lock; the checkout, which takes the time, is not. */
async function add(box: RepoBox, { prepared, job, path, branch }: Plan, signal: AbortSignal): Promise<void> {
  const { place } = prepared.source;
  const reason = `agenticore job ${job.id}`;
  const args = [
    ...["worktree", "add", "--quiet", "--no-checkout", "--no-track", "--lock", "--reason", reason],
    // The name of one that goes on is its own; a start that was cut off may have left it here.
    ...[prepared.goesOn ? "-B" : "-b", branch, path, prepared.goesOn?.commit ?? prepared.baseSha],
  ];
  const run = ({ lockFd, signal }: Held) => box.git({ place: inView(place), args, signal, lockFd });
  for (;;) {
    try {
      await box.lock(mirrorOf(place), run, signal);
      return;
    } catch (error) {
      if (!(error instanceof GitFailure) || error.kind !== "locked") throw error;
      if (!(await removeOldLock(error.stderr, place.mirror, box.now()))) throw error;
      await sleep(250, undefined, { signal });
    }
  }
}

/** git may add a number to the name; it has just written the file, and no agent has been there. */
async function adminName(place: RepoPlace, path: string): Promise<string> {
  const name = basename((await readFile(join(path, ".git"), "utf8")).trim());
  if (!/^[A-Za-z0-9._-]+$/.test(name) || (await kindAt(join(place.mirror, "worktrees", name))) !== "folder")
    throw new AppError("worktree_failed", `git made no worktree entry for ${path}`);
  return name;
}
