import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeBranch } from "./branch-name.ts";
import { takenFile } from "./cut-off-start.ts";
import { discardEntry, dropBranch, dropJobRefs } from "./discard-tree.ts";
import { kindAt } from "./guard.ts";
import { newRecord } from "./new-record.ts";
import type { Prepared, RepoJob } from "./prepare.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { inTree, inView, mirrorOf, type RepoPlace } from "./repo-place.ts";
import { resetAdmin, restoreMirror, restoreTree, treeExists } from "./tree-admin.ts";
import {
  copyIndex,
  dropRecord,
  findRecord,
  indexFile,
  recordFile,
  type TreeRecord,
  writeRecord,
} from "./tree-record.ts";

type For = Readonly<{ prepared: Prepared; job: RepoJob }>;

/**
 * A warm tree for this job: moved out of the pool, switched to the wanted commit on a new branch, locked and
 * cleaned. Only what differs is written, which is what makes the start quick.
 * @returns undefined when the pool has none that is sound.
 */
export async function takeFromPool(box: RepoBox, wanted: For, signal: AbortSignal): Promise<TreeRecord | undefined> {
  const { place } = wanted.prepared.source;
  for (;;) {
    const pooled = await claim(place, wanted.job.id);
    if (pooled === undefined) return undefined;
    try {
      const record = await lease(box, { ...wanted, pooled }, signal);
      box.counters.poolHits += 1;
      return record;
    } catch (error) {
      const { id } = wanted.job;
      const paths = [pooled.path, join(box.options.worktreeRoot, id)];
      await discardEntry(box, place, { admin: pooled.admin, jobId: id, paths });
      signal.throwIfAborted();
      box.log(`a warm tree could not be used and was thrown away: ${String(error)}`);
    } finally {
      await dropRecord(place.pool, pooled.admin);
      await rm(takenFile(place, pooled.admin, wanted.job.id), { force: true });
    }
  }
}

/** Renaming the record is the claim: of two processes only one can. */
async function claim(place: RepoPlace, jobId: string): Promise<TreeRecord | undefined> {
  for (const file of await readdir(place.pool).catch(() => [])) {
    const name = file.replace(/\.json$/, "");
    if (name === file) continue;
    const record = await findRecord(place.pool, name);
    const claimed = await rename(recordFile(place.pool, name), takenFile(place, name, jobId)).then(
      () => true,
      () => false,
    );
    if (claimed && record !== undefined) return record;
  }
  return undefined;
}

async function lease(
  box: RepoBox,
  { prepared, job, pooled }: For & Readonly<{ pooled: TreeRecord }>,
  signal: AbortSignal,
): Promise<TreeRecord> {
  const { place } = prepared.source;
  const path = join(box.options.worktreeRoot, job.id);
  const tree = { path, admin: pooled.admin };
  if (!(await treeExists(place, pooled))) throw new Error("its folder is gone");
  await restoreTree(box, place, pooled);
  await resetAdmin(box, place, { admin: pooled.admin, head: pooled.baseSha });
  const index = join(place.mirror, "worktrees", pooled.admin, "index");
  await copyIndex(indexFile(place.pool, pooled.admin), index);
  if ((await kindAt(path)) !== "nothing") await box.trash.discard(path, join(box.options.worktreeRoot, ".trash"));
  await moveTree(box, place, { from: pooled.path, to: path, signal });
  const git = (...args: readonly string[]) => box.git({ place: inTree(place, tree), args, signal });
  const branch = await makeBranch({ jobId: job.id, taken: [...prepared.refs.ours.keys()] }, (name) =>
    git("switch", "--quiet", "--discard-changes", "--no-track", "-c", name, prepared.baseSha),
  );
  const reason = `agenticore job ${job.id}`;
  await Promise.all([
    box.git({ place: inView(place), args: ["worktree", "lock", "--reason", reason, path], signal }),
    git("clean", "-ffdx", "--quiet"),
  ]);
  return newRecord(prepared, { jobId: job.id, branch, path, admin: pooled.admin, now: box.now() });
}

/**
 * Makes a tree whose job ended well ready for the next: reset and cleaned by our index, not the agent's, which
 * could call a changed file unchanged. @returns false when the tree may not or need not be kept.
 */
export async function putIntoPool(
  box: RepoBox,
  place: RepoPlace,
  { record, tampersAtOpen }: Readonly<{ record: TreeRecord; tampersAtOpen: number }>,
): Promise<boolean> {
  if (!record.clean || !(await hasRoom(box, place)) || !(await treeExists(place, record))) return false;
  const changed = [...(await restoreMirror(box, place, record.baseSha)), ...(await restoreTree(box, place, record))];
  if (changed.length > 0 || (box.tampers.get(place.key) ?? 0) !== tampersAtOpen) return false;
  await resetAdmin(box, place, { admin: record.admin, head: record.baseSha });
  const index = join(place.mirror, "worktrees", record.admin, "index");
  await copyIndex(indexFile(place.trees, record.jobId), index);
  const git = (...args: readonly string[]) => box.git({ place: inTree(place, record), args });
  await git("reset", "--hard", "--quiet", record.baseSha);
  await git("clean", "-ffdx", "--quiet");
  // What lies in the folder of a submodule is not cleaned.
  if ((await kindAt(join(record.path, ".gitmodules"))) !== "nothing") return false;
  await dropBranch(box, place, record);
  await dropJobRefs(box, place, record.jobId);
  const path = join(box.options.worktreeRoot, ".pool", record.admin);
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  await copyIndex(index, indexFile(place.pool, record.admin));
  await moveTree(box, place, { from: record.path, to: path });
  const { done: _done, ended: _ended, commits: _commits, pushed: _pushed, ...rest } = record; // the job's, not the next one's
  await writeRecord(place.pool, record.admin, { ...rest, path, state: "pool", changedAt: box.now() });
  await dropRecord(place.trees, record.jobId);
  return true;
}

const hasRoom = async (box: RepoBox, place: RepoPlace): Promise<boolean> =>
  (await readdir(place.pool)).filter((name) => name.endsWith(".json")).length < box.settings.poolSize;

type Move = Readonly<{ from: string; to: string; signal?: AbortSignal }>;

async function moveTree(box: RepoBox, place: RepoPlace, { from, to, signal }: Move): Promise<void> {
  const args = ["worktree", "move", from, to];
  const move = ({ lockFd, signal }: Held) => box.git({ place: inView(place), args, lockFd, signal });
  await box.lock(mirrorOf(place), move, signal);
}
