import { existsSync } from "node:fs";
import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import { isLoopbackHost } from "../../shared/repo-rules.ts";
import { clientOf } from "../connect.ts";
import type { CliContext } from "../context.ts";
import { databasePath, openApiStore, openStore, worksThroughApi } from "../open-store.ts";
import { broken, type Check, ok, warn } from "./check.ts";
import { checkRedis } from "./redis.ts";

/** Opens the store as a server would, but makes none. */
export async function checkStore(cli: CliContext, config: Config): Promise<Check[]> {
  if (config.redisUrl !== undefined) return checkRedis(cli, config);
  const own = await checkEmbedded(cli, config);
  return worksThroughApi(config) ? [own, await checkApi(cli, config)] : [own];
}

const patienceMs = 5_000;

/** AGENTICORE_URL may be there for the CLI alone: what keeps a runner from working is no fault then. */
async function checkApi(cli: CliContext, config: Config): Promise<Check> {
  const { clientUrl = "" } = config;
  const { protocol, hostname, host } = new URL(clientUrl);
  const signal = AbortSignal.timeout(patienceMs);
  try {
    await clientOf(cli, config).health({ signal }); // where nothing is, this tells at once
    await using store = openApiStore(config, cli);
    await store.ping();
    if (protocol === "http:" && !isLoopbackHost(hostname))
      return warn(
        "runner's store",
        `${host} by plain HTTP: the key and all jobs can be read on the way.`,
        "Use https://",
      );
    return ok("runner's store", `a runner here takes its jobs from the server at ${host}`);
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    const why = signal.aborted ? `${host} does not answer within ${patienceMs / 1_000} s.` : message;
    return warn("runner's store", `A runner here would take no jobs. ${why}`, remedy);
  }
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
