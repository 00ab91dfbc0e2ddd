import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { bootId } from "../runner/process/process-id.ts";
import { busyLoop } from "../shared/busy-loop.node.ts";
import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import type { AppError } from "../shared/error.ts";
import type { Log } from "../shared/log.ts";
import type { Outlook } from "../shared/outlook.ts";
import { withJobFiles } from "../shared/store/job-files.node.ts";
import type { RedisWire } from "../shared/store/redis/wire.ts";
import { openRedisStore } from "../shared/store/redis.ts";
import { openRemoteStore } from "../shared/store/remote.ts";
import { countSpool, type SpoolCount, spoolFolders } from "../shared/store/spool/spool-count.node.ts";
import { withSpool } from "../shared/store/spool.node.ts";
import { openSqliteStore } from "../shared/store/sqlite.node.ts";
import { limitsOf } from "../shared/store/store-limits.ts";
import { watchStore } from "../shared/store/watched.ts";
import type { JobStore } from "../shared/store.ts";
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

/** The store of a runner that stands alone: REDIS_URL goes before AGENTICORE_URL, and with neither it is this machine's own. */
export const storeUrlOf = ({ redisUrl, clientUrl }: Pick<Config, "redisUrl" | "clientUrl">): string | undefined =>
  redisUrl ?? clientUrl;
export const worksThroughApi = ({ redisUrl, clientUrl }: Pick<Config, "redisUrl" | "clientUrl">): boolean =>
  redisUrl === undefined && clientUrl !== undefined;

type Refusal = Readonly<{ onRefused?: (error: AppError) => void }>;

/** The store through the API that AGENTICORE_URL names. @throws AppError `invalid_request`. */
export const openApiStore = (config: Config, deps: Deps & Refusal): JobStore =>
  openRemoteStore({ ...deps, url: config.clientUrl ?? "", key: config.clientApiKey, random: Math.random });

type Service = Deps & Refusal & Readonly<{ log: Log /** It submits jobs. */; submits: boolean }>;
/** The store of a process that stays, and what that process knows beside it. Disposing closes both. */
export type ServiceStore = AsyncDisposable & Readonly<{ store: JobStore; outlook: Outlook }>;

/**
 * The same, for who submits nothing perhaps through an API; with a readable copy of each job in `AGENTICORE_JOBS_DIR`; and
 * before a remote store a spool for whoever submits: SQLite is on the same disk, and what takes it away would take the spool too.
 */
export async function openServiceStore(config: Config, { submits, ...deps }: Service): Promise<ServiceStore> {
  const { clock, log } = deps;
  const throughApi = !submits && worksThroughApi(config);
  const { store: watched, errors } = watchStore(
    throughApi ? openApiStore(config, deps) : await openStore(config, deps),
  );
  const filed = withJobFiles(watched, { dir: config.jobsDir, clock, log, isBusy: busyLoop() });
  const isRemote = config.redisUrl !== undefined;
  const spool = { dir: spoolFolders(config.dataDir).submissions, clock, log, random: Math.random };
  const store = isRemote && submits ? withSpool(filed, spool) : filed;
  const spooled = () => countSpool(config.dataDir);
  return {
    store,
    outlook: { storeErrors: errors, ...(isRemote ? { spooled } : {}) },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** What waits for the store on this disk. */
export const countSpooled = ({ dataDir }: Pick<Config, "dataDir">): Promise<SpoolCount> => countSpool(dataDir);

/** Leases are only taken where there is a boot id: runners need Linux. */
function thisBoot(): string {
  try {
    return bootId();
  } catch {
    return "unknown";
  }
}
