import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isTerminal, JobId } from "../shared/job.ts";
import type { RunnerDeps } from "./runner-deps.ts";

type Deps = Pick<RunnerDeps, "store" | "clock" | "config" | "places" | "repos" | "log">;

/**
 * Takes away what ended jobs left: trees of failed ones after their retention, run folders with their job's record,
 * sessions that nobody used for a job's time to live. A live job's are never touched.
 */
export async function removeOldRuns(deps: Deps): Promise<void> {
  const { repos, places, config, clock } = deps;
  for (const { jobId } of await repos.listTrees())
    if (await isOver(deps, jobId, config.retentionFailed)) await repos.removeTree(jobId);
  await repos.sweep();
  for (const name of await names(places.runs)) {
    if (!JobId.safeParse(name).success) continue;
    if (await isOver(deps, name, config.jobTtl)) await rm(join(places.runs, name), { recursive: true, force: true });
  }
  for (const name of await names(places.sessions)) {
    const folder = join(places.sessions, name);
    const unusedMs = clock.now() - (await stat(folder)).mtimeMs;
    if (unusedMs > config.jobTtl * 1000 && !(await deps.store.sessionUser(name)))
      await rm(folder, { recursive: true, force: true });
  }
}

/** True when the job is unknown, or ended longer ago than `seconds`. */
async function isOver({ store, clock }: Deps, name: string, seconds: number): Promise<boolean> {
  const id = JobId.safeParse(name);
  const job = id.success ? await store.get(id.data) : undefined;
  if (!job || job.source === "file") return !job;
  return isTerminal(job.status) && clock.now() - Date.parse(job.ended_at ?? job.created_at) > seconds * 1000;
}

const names = async (folder: string): Promise<string[]> => await readdir(folder).catch(() => []);
