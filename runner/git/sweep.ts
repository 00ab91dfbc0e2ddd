import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ageOf, minuteMs, youngMs } from "./age.ts";
import { listTaken, takenFile } from "./cut-off-start.ts";
import { discardEntry, dropBranches, dropCheckpoint, dropJobRefs } from "./discard-tree.ts";
import { areFolders, kindAt, readPlainFile } from "./guard.ts";
import { tidyRepository } from "./maintenance.ts";
import type { RepoBox } from "./repo-box.ts";
import { type RepoPlace, repoPlace } from "./repo-place.ts";
import { isShared, poolsOf } from "./shared-repos.ts";
import { mirrorFolders } from "./skeleton.ts";
import { dropRecord, listRecords } from "./tree-record.ts";

const dayMs = 24 * 60 * minuteMs;
const poolAgeMs = 7 * dayMs;

/**
 * What no job's end takes away: starts that were cut off, warm trees that nobody used for a week, branches and
 * refs of jobs whose tree is gone, objects that only they had, many small packs. Trees of jobs are left alone.
 */
export async function sweep(box: RepoBox, signal: AbortSignal): Promise<void> {
  for (const key of await readdir(box.options.reposRoot)) {
    if (!/^[0-9a-f]{12}$/.test(key)) continue;
    try {
      await sweepRepository(box, repoPlace(key, box.options), signal);
    } catch (error) {
      signal.throwIfAborted();
      box.log(`repository ${key} could not be tidied: ${String(error)}`);
    }
  }
}

async function sweepRepository(box: RepoBox, place: RepoPlace, signal: AbortSignal): Promise<void> {
  for (const pool of await poolsOf(place)) {
    // The box whose trees they are comes first: it alone can reach them. What a lost box had is over for good.
    const extraMs = pool === place.pool ? 0 : dayMs;
    await sweepTaken(box, place, { pool, olderMs: extraMs + youngMs });
    await sweepPool(box, place, { pool, olderMs: extraMs + poolAgeMs });
  }
  await sweepStaging(box, place);
  // Without a view of the mirror this box has not used it: others tidy.
  if (!isShared(place) || (await kindAt(place.view)) === "folder") await sweepRefs(box, place);
  await tidyRepository(box, place, signal);
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

type Old = Readonly<{ pool: string; olderMs: number }>;

/** A warm tree that was claimed for a job whose start then was cut off. */
async function sweepTaken(box: RepoBox, place: RepoPlace, { pool, olderMs }: Old): Promise<void> {
  for (const { admin, jobId } of await listTaken(pool)) {
    const file = takenFile({ pool }, admin, jobId);
    if ((await ageOf(box, file)) < olderMs) continue;
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
async function sweepRefs(box: RepoBox, place: RepoPlace): Promise<void> {
  // An agent may have put a link to the branches of another repository in the place of a folder.
  if (!(await areFolders(place.mirror, mirrorFolders))) return;
  const records = await listRecords(place.trees);
  const checkedOut = await Promise.all(
    (await namesIn(join(place.mirror, "worktrees"))).map((admin) =>
      readPlainFile(join(place.mirror, "worktrees", admin, "HEAD")),
    ),
  );
  const kept = new Set([...records.map(({ branch }) => branch), ...checkedOut.map((head) => head?.slice(16).trim())]);
  const jobs = new Set(records.map(({ jobId }) => jobId));
  const heads = join(place.mirror, "refs/heads");
  const branches = (await oldNames(box, heads)).filter(
    (name) => /^agenticore-[0-9a-f-]+$/.test(name) && !kept.has(name),
  );
  await dropBranches(box, place, branches);
  const old = ["jobs", "results"].map((kind) => oldNames(box, join(place.vault, "refs/agenticore", kind)));
  const ended = new Set((await Promise.all(old)).flat().filter((name) => !jobs.has(name)));
  await dropJobRefs(box, place, ...ended);
  const states = await oldNames(box, join(place.vault, "refs/agenticore/checkpoints"));
  for (const jobId of states) if (!jobs.has(jobId)) await dropCheckpoint(box, place, jobId);
}

async function oldNames(box: RepoBox, folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  const ages = await Promise.all(names.map((name) => ageOf(box, join(folder, name))));
  return names.filter((name, n) => !name.endsWith(".lock") && (ages[n] ?? 0) >= youngMs);
}
