import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { discardEntry } from "./discard-tree.ts";
import { readPlainFile } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import type { RepoPlace } from "./repo-place.ts";
import { poolsOf } from "./shared-repos.ts";
import { listRecords } from "./tree-record.ts";

/** What is claimed for a job has this name until its start is over. */
export const takenFile = ({ pool }: Pick<RepoPlace, "pool">, admin: string, jobId: string): string =>
  join(pool, `${admin}.taken-${jobId}`);

/** Warm trees that were claimed, each with the job. */
export const listTaken = async (pool: string): Promise<readonly Readonly<{ admin: string; jobId: string }>[]> =>
  (await readdir(pool).catch(() => [])).flatMap((file) => {
    const [, admin = "", jobId = ""] = /^(.+)\.taken-([0-9A-Za-z-]+)$/.exec(file) ?? [];
    return admin === "" ? [] : [{ admin, jobId }];
  });

/**
 * Takes away what an earlier start of this job left when its runner was killed in the middle of it: the warm tree that it had
 * claimed, and git's entries of a tree at this path, whatever they are called. They are locked, so git would refuse the path.
 */
export async function discardStart(
  box: RepoBox,
  place: RepoPlace,
  { jobId, path }: Readonly<{ jobId: string; path: string }>,
): Promise<void> {
  const { worktreeRoot } = box.options;
  const claimed = (await listTaken(place.pool)).filter((taken) => taken.jobId === jobId);
  for (const { admin } of claimed) {
    await discardEntry(box, place, { admin, jobId, paths: [join(worktreeRoot, ".pool", admin), path] });
    await rm(takenFile(place, admin, jobId), { force: true });
  }
  const entries = join(place.mirror, "worktrees");
  for (const admin of await readdir(entries).catch(() => [])) {
    if ((await readPlainFile(join(entries, admin, "gitdir")))?.trim() !== join(path, ".git")) continue;
    // An agent may have written that of another tree.
    if (!(await isOthers(place, { admin, jobId }))) await discardEntry(box, place, { admin, jobId, paths: [path] });
  }
}

async function isOthers(place: RepoPlace, { admin, jobId }: Readonly<{ admin: string; jobId: string }>) {
  const pooled = (await Promise.all((await poolsOf(place)).map(listRecords))).flat();
  const live = (await listRecords(place.trees)).filter((record) => record.jobId !== jobId);
  return [...pooled, ...live].some((record) => record.admin === admin);
}
