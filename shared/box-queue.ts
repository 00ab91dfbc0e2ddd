/**
 * A job that only one box can do (its worktree is there) waits in that box's part of its pool: `pool@box`. No pool's name
 * has an `@`. A pool's limit counts the jobs of all its parts; what people see is the pool.
 */
export const boxQueue = (pool: string, box: string): string => `${pool}@${box}`;

export const poolOfQueue = (queue: string): string => queue.split("@", 1)[0] ?? queue;

/** What a runner of these pools claims from. */
export const queuesOf = (pools: readonly string[], boxes: readonly string[]): readonly string[] => [
  ...pools,
  ...pools.flatMap((pool) => boxes.map((box) => boxQueue(pool, box))),
];

/** The box of whatever lies in the folder that several boxes share: each of them can do it. */
export const sharedBox = "@shared";

/** The part of a pool whose jobs only the runners with this profile can do. */
export const profileLabel = (profile: string): string => `@profile-${profile}`;

/** A box by the name of its runners, as it stands in queues. */
export const boxOf = (podName: string): string =>
  podName
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .slice(0, 100);

type Waiting = Readonly<{ pool: string; queued: number; oldestAgeSeconds: number }>;

/** What waits in a box's part of a pool waits in the pool. In the order of names. */
export function byPool(queues: readonly Waiting[]): readonly Waiting[] {
  const pools = new Map<string, Waiting>();
  for (const { pool: queue, queued, oldestAgeSeconds } of queues) {
    const pool = poolOfQueue(queue);
    const known = pools.get(pool) ?? { pool, queued: 0, oldestAgeSeconds: 0 };
    const oldest = Math.max(known.oldestAgeSeconds, oldestAgeSeconds);
    pools.set(pool, { pool, queued: known.queued + queued, oldestAgeSeconds: oldest });
  }
  return [...pools.values()].sort((a, b) => (a.pool < b.pool ? -1 : 1));
}
