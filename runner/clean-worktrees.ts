import { AppError, isStoreAway, LeaseLost } from "../shared/error.ts";
import type { Claim } from "../shared/store.ts";
import type { WorktreeRecord } from "../shared/worktree.ts";
import type { Conclusion } from "./conclude.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { whileAway } from "./while-away.ts";

type Attempt = Readonly<{ claim: Claim; signal: AbortSignal }>;
type Deps = Pick<RunnerDeps, "store" | "clock" | "times" | "repos" | "box">;

/**
 * A job of kind `cleanup`: removes worktrees of this box. Never one that a live job has; one with work that was not pushed
 * only with `force`. What stays is told.
 */
export async function cleanWorktrees({ claim, signal }: Attempt, deps: Deps): Promise<Conclusion> {
  const { worktree_ids: ids = [], force = false } = claim.job.cleanup ?? {};
  const kept: AppError[] = [];
  for (const id of ids) {
    signal.throwIfAborted();
    const why = await remove(id).catch((error: unknown) => {
      if (error instanceof LeaseLost || isStoreAway(error) || !(error instanceof AppError)) throw error;
      return error;
    });
    if (why) kept.push(why);
  }
  const output = `Removed ${ids.length - kept.length} of ${ids.length} worktrees.`;
  const warnings = kept.map(({ message }) => message);
  const [first] = kept;
  if (first && kept.length === ids.length) {
    const why = { error: first.message, error_code: first.code, remedy: first.remedy };
    return { finish: { status: "failed", patch: { output, warnings, ...why } } };
  }
  return { finish: { status: "succeeded", patch: { output, ...(kept.length === 0 ? {} : { warnings }) } } };

  async function remove(id: string): Promise<AppError | undefined> {
    const { store, repos, box } = deps;
    const ask = <T>(step: () => Promise<T>) =>
      whileAway(step, { clock: deps.clock, capMs: deps.times.urgentMs, signal });
    const save = (record: WorktreeRecord) => ask(() => store.saveWorktree(claim.lease, record));
    const found = await ask(() => store.findWorktree(id, claim.tenant));
    if (!found) return new AppError("not_found", `There is no worktree ${id}.`);
    if (found.box !== box)
      return new AppError("not_found", `The worktree ${id} is not on ${box}, but on ${found.box}.`);
    if (found.status !== "removed") {
      // From here on no job can have it but this one.
      await save({ ...found, status: found.status === "failed" ? "failed" : "ready" });
      if (!force && (await repos.isUnpushed(id, signal))) {
        await save({ ...found, status: "ready", pushed: false });
        return unpushed(id);
      }
      await save({ ...found, status: "removed" });
    }
    await repos.removeTree(id);
    return undefined;
  }
}

const unpushed = (id: string) =>
  new AppError("conflict", `The worktree ${id} has work that was not pushed: it stays.`, {
    remedy: "Run a job there that pushes it, or remove it with `force`.",
  });
