import { join } from "node:path";
import { iso } from "../shared/clock.ts";
import { AppError } from "../shared/error.ts";
import type { Claim } from "../shared/store.ts";
import type { WorktreeRecord } from "../shared/worktree.ts";
import { placedTogether } from "./git/placed.ts";
import type { Worktree } from "./git/worktree.ts";
import type { LeaseKeeper } from "./keep-lease.ts";
import type { JobPlaces } from "./places.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { nothingPlaced, readPlaced } from "./setup/placed.ts";
import { whileAway } from "./while-away.ts";
import type { Workplace } from "./workplace.ts";

type Attempt = Readonly<{ claim: Claim; keeper: LeaseKeeper; own: JobPlaces }>;
type Deps = Pick<RunnerDeps, "store" | "clock" | "times" | "repos">;

/** A prepared worktree that a job works in. */
export type PreparedTree = Readonly<{
  tree: Worktree;
  /** What the job's place becomes: the tree stays behind it, and the store knows whether its work was pushed. */
  around: (place: Workplace) => Workplace;
}>;

/**
 * Opens the prepared worktree that the job names, as the job before left it.
 * @throws AppError `worktree_failed` where it is not here any more.
 */
export async function openPrepared(
  { claim, keeper, own }: Attempt,
  deps: Deps,
  signal: AbortSignal,
): Promise<PreparedTree> {
  const { store, clock, repos, times } = deps;
  const { lease, job } = claim;
  const id = job.worktree_id ?? "";
  const ask = <T>(step: () => Promise<T>) => whileAway(step, { clock, capMs: times.urgentMs, signal });
  const record = await ask(() => store.findWorktree(id, claim.tenant));
  if (!record || record.status === "removed") throw gone(id, "it was removed");
  const begun = clock.uptime();
  const found = await repos.reopenWorktree({ id, repoUrl: record.repo_url }, signal);
  const now = (facts: Partial<WorktreeRecord>): WorktreeRecord => ({
    ...{ ...record, status: "ready", used_at: iso(clock.now()) },
    ...facts,
  });
  if (!found) {
    await ask(() => store.saveWorktree(lease, now({ status: "failed", error: "It is not on its box any more." })));
    throw gone(id, `it is not on ${record.box} any more`);
  }
  const { before, ...used } = await repos.usePrepared(found, job.id);
  const left = before === undefined ? undefined : await readPlaced(join(own.run, "..", before));
  const placed = left ?? nothingPlaced;
  // A job before this one may have been lost before it could note them.
  if (placed.files.length + placed.folders.length > 0) await repos.notePlaced(found, placed);
  const tree = { ...used, placed: placedTogether(used.placed, placed) };
  await ask(() => store.saveWorktree(lease, now({ pushed: false })));
  const { path, branch, baseRef } = tree;
  keeper.patch({ base_ref: baseRef, branch, worktree_path: path });
  const ms = Math.round(clock.uptime() - begun);
  keeper.emit({ type: "worktree.opened", data: { path, branch, from: "prepared", ms } });

  const around = (place: Workplace): Workplace => ({
    ...place,
    ...(left && { before: left }),
    publish: async (publication) => {
      const published = await place.publish(publication);
      const pushed = (await repos.isUnpushed(id, publication.signal)) === false;
      await ask(() => store.saveWorktree(lease, now({ pushed })));
      return published;
    },
    notePlaced: async () => await repos.notePlaced(tree, await readPlaced(own.run)),
    close: () => place.close("keep"),
  });
  return { tree, around };
}

const gone = (id: string, why: string): AppError =>
  new AppError("worktree_failed", `The worktree ${id} cannot be used: ${why}.`, { remedy: "Prepare another one." });
