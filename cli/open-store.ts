import { join } from "node:path";
import { bootId } from "../runner/process/process-id.ts";
import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import { AppError } from "../shared/error.ts";
import type { Log } from "../shared/log.ts";
import { withJobFiles } from "../shared/store/job-files.node.ts";
import { openSqliteStore } from "../shared/store/sqlite.node.ts";
import type { JobStore, StoreLimits } from "../shared/store.ts";

export const databasePath = ({ dataDir }: Pick<Config, "dataDir">): string => join(dataDir, "agenticore.db");

/**
 * The store that the configuration names: the embedded one.
 * @throws AppError `invalid_request` where REDIS_URL asks for another, `store_unavailable`, `disk_full`.
 */
export async function openStore(config: Config, { clock }: Readonly<{ clock: Clock }>): Promise<JobStore> {
  if (config.redisUrl !== undefined)
    throw new AppError("invalid_request", "REDIS_URL is set, and this version keeps its jobs in SQLite only.", {
      remedy: "Unset REDIS_URL (`agenticore config` shows where it comes from); one machine needs no Redis.",
    });
  return openSqliteStore({
    path: databasePath(config),
    clock,
    bootId: thisBoot(),
    limits: limitsOf(config),
  });
}

const limitsOf = ({ repoLimit, poolLimits }: Config): StoreLimits => ({
  ...(repoLimit === undefined ? {} : { repoLimit }),
  ...(poolLimits === undefined ? {} : { poolLimits }),
});

/** The same, with a readable copy of each job in `AGENTICORE_JOBS_DIR`: for processes that stay. */
export const openServiceStore = async (
  config: Config,
  { clock, log }: Readonly<{ clock: Clock; log: Log }>,
): Promise<JobStore> => withJobFiles(await openStore(config, { clock }), { dir: config.jobsDir, clock, log });

/** Leases are only taken where there is a boot id: runners need Linux. */
function thisBoot(): string {
  try {
    return bootId();
  } catch {
    return "unknown";
  }
}
