import { boxQueue, profileLabel } from "../shared/box-queue.ts";
import type { RunnerRecord } from "../shared/store.ts";

type Job = Readonly<{ profile: string; pool: string }>;

/**
 * Where a job waits whose profile only some of the pool's live runners can use: in the part of the pool that those claim
 * from. Undefined: in the pool itself, as all of them have the profile, or nobody yet, or it is one that comes with the
 * program.
 */
export function profileQueue({ profile, pool }: Job, runners: readonly RunnerRecord[]): string | undefined {
  const serving = runners.filter((runner) => !runner.draining && runner.pools.includes(pool));
  const having = serving.flatMap(
    ({ profiles }) => profiles.find(({ name, error }) => name === profile && error === undefined) ?? [],
  );
  const isEverywhere = having.length === serving.length || having.some(({ source }) => source === "bundled");
  return having.length === 0 || isEverywhere ? undefined : boxQueue(pool, profileLabel(profile));
}
