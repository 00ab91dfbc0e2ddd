import type { Clock } from "../shared/clock.ts";
import { AppError, LeaseLost } from "../shared/error.ts";
import { GitFailure } from "./git/git-failure.ts";
import type { Pushed } from "./git/push.ts";
import type { Repos } from "./git/repos.ts";
import type { Worktree } from "./git/worktree.ts";
import type { LeaseKeeper } from "./keep-lease.ts";

type Work = Readonly<{
  tree: Worktree;
  commit: string;
  /** What the job's earlier attempt was about to push. */
  earlier: string | undefined;
  keeper: Pick<LeaseKeeper, "lease" | "grant" | "onGrant">;
  /** @throws LeaseLost */
  prove: () => Promise<void>;
}>;
type Deps = Readonly<{ repos: Pick<Repos, "push">; clock: Clock }>;

/**
 * Pushes under the lease: the push ends when the lease might be somebody else's, and is made again where it turns out that
 * it is not, as after a short standstill.
 * @throws LeaseLost, and what `Repos.push` throws.
 */
export async function pushWork(
  { tree, commit, earlier, keeper, prove }: Work,
  { repos, clock }: Deps,
  signal: AbortSignal,
): Promise<Pushed> {
  const leash = {
    until: () => keeper.grant().hardAt,
    onLonger: (listener: (until: number) => void) => keeper.onGrant(({ hardAt }) => listener(hardAt)),
  };
  for (;;) {
    await prove();
    try {
      return await repos.push(tree, { commit, earlier, leash }, signal);
    } catch (error) {
      if (clock.uptime() >= keeper.grant().softAt) throw new LeaseLost(keeper.lease.job);
      if (!isLate(error)) throw error;
    }
  }
}

const isLate = (error: unknown): boolean =>
  error instanceof AppError && error.cause instanceof GitFailure && error.cause.kind === "late";
