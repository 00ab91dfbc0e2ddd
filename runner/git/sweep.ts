import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ageOf, minuteMs, youngMs } from "./age.ts";
import { listTaken, takenFile } from "./cut-off-start.ts";
import { discardEntry, dropBranches, dropCheckpoint, dropJobRefs } from "./discard-tree.ts";
import { areFolders, kindAt, readPlainFile } from "./guard.ts";
import { tidyRepository } from "./maintenance.ts";
import type { RepoBox } from "./repo-box.ts";
import { mirrorOf, type RepoPlace, repoPlace } from "./repo-place.ts";
import { isShared, poolsOf } from "./shared-repos.ts";
import { mirrorFolders } from "./skeleton.ts";
import { dropRecord, listRecords } from "./tree-record.ts";

const dayMs = 24 * 60 * minuteMs;
const poolAgeMs = 7 * dayMs;

export type Sweep = Readonly<{
  /** Whether this job may still begin or go on: what is its is left alone, however old it seems by a clock that jumps. */
  isLive: (jobId: string) => Promise<boolean>;
  signal: AbortSignal;
}>;

/**
 * What no job's end takes away: starts that were cut off, warm trees that nobody used for a week, branches and
 * refs of jobs whose tree is gone, objects that only they had, many small packs. Trees of jobs are left alone.
 */
export async function sweep(box: RepoBox, { isLive, signal }: Sweep): Promise<void> {
  for (const key of await readdir(box.options.reposRoot)) {
    if (!/^[0-9a-f]{12}$/.test(key)) continue;
    try {
      await sweepRepository(box, repoPlace(key, box.options), { isLive, signal });
    } catch (error) {
      signal.throwIfAborted();
      box.log(`repository ${key} could not be tidied: ${String(error)}`);
    }
  }
}

async function sweepRepository(box: RepoBox, place: RepoPlace, { isLive, signal }: Sweep): Promise<void> {
  for (const pool of await poolsOf(place)) {
    // The box whose trees they are comes first: it alone can reach them. What a lost box had is over for good.
    const extraMs = pool === place.pool ? 0 : dayMs;
    await sweepTaken(box, place, { pool, olderMs: extraMs + youngMs, isLive });
    await sweepPool(box, place, { pool, olderMs: extraMs + poolAgeMs });
  }
  await sweepStaging(box, place);
  // Without a view of the mirror this box has not used it: others tidy.
  if (!isShared(place) || (await kindAt(place.view)) === "folder") await sweepRefs(box, place, isLive);
  await tidyRepository(box, place, signal);
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

type Old = Readonly<{ pool: string; olderMs: number }>;

/** A warm tree that was claimed for a job whose start then was cut off. */
async function sweepTaken(
  box: RepoBox,
  place: RepoPlace,
  { pool, olderMs, isLive }: Old & Pick<Sweep, "isLive">,
): Promise<void> {
  for (const { admin, jobId } of await listTaken(pool)) {
    const file = takenFile({ pool }, admin, jobId);
    if ((await ageOf(box, file)) < olderMs || (await isLive(jobId))) continue;
    const records = await listRecords(place.trees);
    if (!records.some((record) => record.admin === admin)) {
      const { worktreeRoot } = box.options;
      // A later attempt of that job may have another tree at the same place.
      const isMoved = !records.some((record) => record.jobId === jobId);
      const paths = [join(worktreeRoot, ".pool", admin), ...(isMoved ? [join(worktreeRoot, jobId)] : [])];
      await discardEntry(box, place, { admin, jobId, paths });
    }
    await rm(file, { force: true });
  }
}

async function sweepPool(box: RepoBox, place: RepoPlace, { pool, olderMs }: Old): Promise<void> {
  for (const { admin, path, changedAt } of await listRecords(pool)) {
    if (box.now() - changedAt < olderMs) continue;
    // First the record, so that no job can claim the tree meanwhile.
    await dropRecord(pool, admin);
    await discardEntry(box, place, { admin, jobId: "", paths: [path] });
  }
}

async function sweepStaging(box: RepoBox, place: RepoPlace): Promise<void> {
  for (const name of await namesIn(place.home)) {
    const path = join(place.home, name);
    if (!name.startsWith(".staging-") || (await ageOf(box, path)) < dayMs) continue;
    await box.trash.discard(path, join(place.home, ".trash"));
  }
}

/** Branches of the mirror and refs of the vault that belong to no tree of ours any more. */
async function sweepRefs(box: RepoBox, place: RepoPlace, isLive: Sweep["isLive"]): Promise<void> {
  // An agent may have put a link to the branches of another repository in the place of a folder.
  if (!(await areFolders(place.mirror, mirrorFolders))) return;
  await dropBranches(box, place, await branchesOfNobody(box, place));
  const jobs = new Set((await listRecords(place.trees)).map(({ jobId }) => jobId));
  const ofNobody = async (kind: string) => {
    const names = (await oldNames(box, join(place.vault, "refs/agenticore", kind))).filter((name) => !jobs.has(name));
    const isOver = await Promise.all(names.map(async (name) => !(await isLive(name))));
    return names.filter((_, n) => isOver[n]);
  };
  await dropJobRefs(box, place, ...new Set([...(await ofNobody("jobs")), ...(await ofNobody("results"))]));
  for (const jobId of await ofNobody("checkpoints")) await dropCheckpoint(box, place, jobId);
}

/**
 * The order is what makes it safe for starts that are under way, whatever the clock says: first the branches, while nobody makes
 * an entry, and then who may have made them. A start has claimed its warm tree before it makes the branch, gives the
 * claim up once the tree's HEAD names it, and then writes its record.
 */
async function branchesOfNobody(box: RepoBox, place: RepoPlace): Promise<readonly string[]> {
  const look = () => oldNames(box, join(place.mirror, "refs/heads"));
  const found = (await box.lock(mirrorOf(place), look)).filter((name) => /^agenticore-[0-9a-f-]+$/.test(name));
  const taken = (await Promise.all((await poolsOf(place)).map(listTaken))).flat();
  const heads = await Promise.all(
    (await namesIn(join(place.mirror, "worktrees"))).map((admin) =>
      readPlainFile(join(place.mirror, "worktrees", admin, "HEAD")),
    ),
  );
  const records = await listRecords(place.trees);
  const kept = new Set([...records.map(({ branch }) => branch), ...heads.map((head) => head?.slice(16).trim())]);
  const isBegun = (name: string) => taken.some(({ jobId }) => `agenticore-${jobId}`.startsWith(name));
  return found.filter((name) => !kept.has(name) && !isBegun(name));
}

async function oldNames(box: RepoBox, folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const ages = await Promise.all(names.map((name) => ageOf(box, join(folder, name))));
  return names.filter((name, n) => !name.endsWith(".lock") && (ages[n] ?? 0) >= youngMs);
}
