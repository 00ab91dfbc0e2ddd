import { existsSync } from "node:fs";
import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import type { CliContext } from "../context.ts";
import { databasePath, openStore } from "../open-store.ts";
import { broken, type Check, ok } from "./check.ts";
import { checkRedis } from "./redis.ts";

/** Opens the store as a server would, but makes none. */
export async function checkStore(cli: CliContext, config: Config): Promise<Check[]> {
  return config.redisUrl === undefined ? [await checkEmbedded(cli, config)] : checkRedis(cli, config);
}

async function checkEmbedded(cli: CliContext, config: Config): Promise<Check> {
  const path = databasePath(config);
  try {
    if (!existsSync(path)) return ok("store", `${path} (is made at the first start)`);
    await using store = await openStore(config, cli);
    await store.ping();
    const { byStatus } = await store.counts();
    const jobs = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
    return ok("store", `${path}, ${jobs} jobs`);
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return broken("store", message, remedy);
  }
}
