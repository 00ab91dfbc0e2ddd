import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isStoreAway } from "../shared/error.ts";
import { isTerminal, type Job, JobId } from "../shared/job.ts";
import { sessionRetentionMs } from "../shared/session-retention.ts";
import { removeFolder } from "./remove-folder.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { sweepSetups } from "./setup/cache.ts";

type Deps = Pick<RunnerDeps, "store" | "clock" | "config" | "places" | "repos" | "log">;

/**
 * Takes away what ended jobs left: trees of failed ones after their retention, of others at once (their runner was killed
 * before it could), run folders with their job's record, sessions that nobody continued for as long as they are remembered.
 * A live job's are never touched. What cannot be taken away is told and holds up nothing else.
 */
export async function removeOldRuns(deps: Deps): Promise<void> {
  const { repos, places, config, clock, log } = deps;
  const remove = async (what: string, act: () => Promise<unknown>) => {
    await act().catch((error: unknown) => {
      if (isStoreAway(error)) throw error;
      log.warn("what an ended job left could not be taken away", { what, error: String(error) });
    });
  };
  for (const { jobId, prepared } of await repos.listTrees())
    if (!prepared && (await isOver(deps, jobId, (job) => (isPutAway(job) ? 0 : config.retentionFailed))))
      await remove(jobId, () => repos.removeTree(jobId));
  await repos.sweep({ isLive: (jobId) => isLive(deps, jobId) });
  await sweepSetups(join(places.data, "setups"), clock.now());
  for (const name of await names(places.runs)) {
    const folder = join(places.runs, name);
    if (!JobId.safeParse(name).success) continue;
    if (await isOver(deps, name, () => config.jobTtl)) await remove(folder, () => removeFolder(folder));
  }
  for (const name of await names(places.sessions)) {
    const folder = join(places.sessions, name);
    const used = await stat(folder).catch(() => undefined); // another box may have been quicker
    if (!used || clock.now() - used.mtimeMs <= sessionRetentionMs || (await deps.store.sessionUser(name))) continue;
    await remove(folder, () => removeFolder(folder));
  }
}

/** Whose trees nobody wants any more. */
const isPutAway = ({ status, publish_only }: Job): boolean =>
  status === "succeeded" || (status === "cancelled" && !publish_only);

async function isLive({ store }: Deps, name: string): Promise<boolean> {
  const id = JobId.safeParse(name);
  const job = id.success ? await store.get(id.data) : undefined;
  return job !== undefined && !isTerminal(job.status);
}

/** True when the job is unknown, or ended at least so many seconds ago. */
async function isOver({ store, clock }: Deps, name: string, seconds: (job: Job) => number): Promise<boolean> {
  const id = JobId.safeParse(name);
  const job = id.success ? await store.get(id.data) : undefined;
  if (!job || job.source === "file") return !job;
  return isTerminal(job.status) && clock.now() - Date.parse(job.ended_at ?? job.created_at) >= seconds(job) * 1000;
}

const names = async (folder: string): Promise<string[]> => await readdir(folder).catch(() => []);
