import { boxQueue } from "../shared/box-queue.ts";
import { isStoreAway } from "../shared/error.ts";
import { JobId } from "../shared/job.ts";
import { cleanupJob } from "../shared/worktree-job.ts";
import type { RunnerDeps } from "./runner-deps.ts";

type Deps = Pick<RunnerDeps, "store" | "clock" | "log" | "config" | "repos" | "box" | "newId">;

/**
 * Removes prepared worktrees of this box that nobody used for their time, by a job like any other; never one in use, nor one
 * with work that was not pushed. A tree that the store does not know (any more) goes too, unless it has such work.
 */
export async function retainWorktrees(deps: Deps): Promise<void> {
  const { store, clock, config, repos, box } = deps;
  for (const { id, tenant, status, pool, pushed, used_at } of await store.listWorktrees({ box })) {
    const unusedMs = clock.now() - Date.parse(used_at);
    if (status !== "ready" || !pushed || unusedMs < config.retentionWorktrees * 1_000) continue;
    const facts = { id: JobId.parse(deps.newId()), now: clock.now(), pool, profile: config.defaultProfile };
    const limits = { maxAttempts: config.maxAttempts, ttlSeconds: config.jobTtl };
    await store.submit({
      job: cleanupJob({ ...facts, ...limits }, { ids: [id], force: false }),
      tenant,
      queueTtlSeconds: config.queueTtl,
      queue: boxQueue(pool, box),
      // However often it is asked for, it is one job.
      idempotency: { key: `retention ${id} ${used_at}`, body: id },
    });
  }
  for (const { jobId, prepared } of await repos.listTrees()) {
    if (!prepared) continue;
    await removeUnknown(jobId, deps).catch((error: unknown) => {
      if (isStoreAway(error)) throw error;
      deps.log.warn("a worktree that the store does not know stays", { worktree: jobId, error: String(error) });
    });
  }
}

/** One whose removal was cut off, that another box has prepared anew, or whose record is gone. */
async function removeUnknown(id: string, { store, repos, box, log }: Deps): Promise<void> {
  const record = await store.findWorktree(id);
  if (record && record.box === box && record.status !== "removed") return;
  if (record?.status !== "removed" && (await repos.isUnpushed(id, new AbortController().signal)))
    return log.warn("a worktree that the store does not know has work that was not pushed: it stays", { worktree: id });
  await repos.removeTree(id);
}
