import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { bootId } from "../runner/process/process-id.ts";
import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import type { Log } from "../shared/log.ts";
import { withJobFiles } from "../shared/store/job-files.node.ts";
import type { RedisWire } from "../shared/store/redis/wire.ts";
import { openRedisStore } from "../shared/store/redis.ts";
import { openSqliteStore } from "../shared/store/sqlite.node.ts";
import type { JobStore, StoreLimits } from "../shared/store.ts";
import { openRedisWire } from "./redis-wire.ts";

type Deps = Readonly<{ clock: Clock; fetch: typeof fetch; log?: Log }>;

export const databasePath = ({ dataDir }: Pick<Config, "dataDir">): string => join(dataDir, "agenticore.db");

/**
 * The store that the configuration names: Redis with REDIS_URL, also while it cannot be reached, and else the embedded one.
 * @throws AppError `invalid_request` where REDIS_URL or its token cannot be right; `store_unavailable`, `disk_full` for the embedded one.
 */
export async function openStore(config: Config, deps: Deps): Promise<JobStore> {
  if (config.redisUrl !== undefined) return redisStoreOver(openRedisWire(config, deps), config, deps);
  return openSqliteStore({
    path: databasePath(config),
    clock: deps.clock,
    bootId: thisBoot(),
    limits: limitsOf(config),
  });
}

/** The wire is closed with the store. */
export const redisStoreOver = (wire: RedisWire, config: Config, { clock }: Pick<Deps, "clock">): JobStore =>
  openRedisStore({
    wire,
    prefix: config.redisKeyPrefix,
    clock,
    random: Math.random,
    newId: randomUUID,
    limits: limitsOf(config),
  });

/** The same, with a readable copy of each job in `AGENTICORE_JOBS_DIR`: for processes that stay. */
export const openServiceStore = async (config: Config, deps: Deps & Readonly<{ log: Log }>): Promise<JobStore> =>
  withJobFiles(await openStore(config, deps), { dir: config.jobsDir, clock: deps.clock, log: deps.log });

const limitsOf = ({ repoLimit, poolLimits }: Config): StoreLimits => ({
  ...(repoLimit === undefined ? {} : { repoLimit }),
  ...(poolLimits === undefined ? {} : { poolLimits }),
});

/** Leases are only taken where there is a boot id: runners need Linux. */
function thisBoot(): string {
  try {
    return bootId();
  } catch {
    return "unknown";
  }
}
