import { poolOfQueue } from "../../box-queue.ts";
import type { ClaimRequest } from "../../store.ts";
import type { Context } from "./context.node.ts";
import type { JobRow } from "./job-rows.node.ts";

/** Larger than any real number of running jobs. */
const noLimit = 1_000_000_000;
/** How far behind the best job one of a warm repository is looked for, and how long the best one lets itself be passed. */
const passing = 8;
const patienceMs = 10_000;

type Waiting = Readonly<{ seq: number; priority: number; place: number; repo_key: string | null }>;

/** Which job a runner gets; runs inside a transaction. */
export function openChoice({ db, jobs, time, limits }: Context) {
  const { repoLimit = noLimit, poolLimits = {} } = limits;
  // The sub-selects do not depend on the row, so each is worked out once: a claim walks the queue's index only.
  const runnable = db.prepare<Waiting>(
    `SELECT seq, priority, place, repo_key FROM jobs INDEXED BY jobs_queue
     WHERE status = 'queued' AND pool = :pool AND due <= :tick AND (expires IS NULL OR expires > :tick)
       AND (repo_key IS NULL OR repo_key NOT IN
         (SELECT repo_key FROM jobs WHERE status = 'running' AND repo_key IS NOT NULL GROUP BY repo_key HAVING count(*) >= :limit))
       AND (session_id IS NULL OR session_id NOT IN
         (SELECT session_id FROM jobs WHERE status = 'running' AND session_id IS NOT NULL))
     ORDER BY priority DESC, place LIMIT :count`,
  );
  // With all of its parts: those begin with its name and `@`, behind which `A` comes.
  const running = db.prepare<{ n: number }>(
    `SELECT count(*) AS n FROM jobs
     WHERE status = 'running' AND (pool = :pool OR (pool >= :pool || '@' AND pool < :pool || 'A'))`,
  );

  const hasRoom = (queue: string): boolean => {
    const pool = poolOfQueue(queue);
    const limit = Object.hasOwn(poolLimits, pool) ? poolLimits[pool] : undefined;
    return limit === undefined || (running.find({ pool })?.n ?? 0) < limit;
  };
  const inOrder = (pools: readonly string[], count: number): readonly Waiting[] =>
    [...new Set(pools)]
      .filter(hasRoom)
      .flatMap((pool) => runnable.all({ pool, tick: time.tick(), limit: repoLimit, count }))
      .sort((a, b) => b.priority - a.priority || a.place - b.place)
      .slice(0, count);

  /** The best one, or one of a warm repository that may pass it. */
  return ({ pools, warm = [] }: Pick<ClaimRequest, "pools" | "warm">): JobRow | undefined => {
    const [first, ...behind] = inOrder(pools, warm.length === 0 ? 1 : passing);
    if (!first) return undefined;
    const best = jobs.get(first.seq);
    const isWarm = ({ repo_key }: Waiting) => repo_key !== null && warm.includes(repo_key);
    if (!best || isWarm(first) || time.tick() - best.queued_at >= patienceMs) return best;
    const passes = behind.find((job) => job.priority === first.priority && isWarm(job));
    return passes ? jobs.get(passes.seq) : best;
  };
}
