import { randomUUID } from "node:crypto";
import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import type { RedisWire } from "../../shared/store/redis/wire.ts";
import { plural } from "../amount.ts";
import type { CliContext } from "../context.ts";
import { redisStoreOver } from "../open-store.ts";
import { openRedisWire } from "../redis-wire.ts";
import { broken, type Check, ok, warn } from "./check.ts";

const patienceMs = 3_000;
/** Streams, `ZADD`'s and `EXPIRE`'s options, and scripts that may be read-only are all there from this one on. */
const oldestRedis = 7;

/** Everything of Redis that jobs rely on; what is there is not touched. */
export async function checkRedis(cli: CliContext, config: Config): Promise<Check[]> {
  try {
    const { clock, fetch } = cli;
    await using wire = openRedisWire(config, { clock, fetch, limits: { callMs: patienceMs } });
    const start = performance.now();
    await wire.send(["PING"]);
    const tookMs = Math.max(1, Math.round(performance.now() - start));
    const facts = await readInfo(wire);
    const version = checkVersion(facts, tookMs);
    return [version, ...checkMemory(facts), await checkJobs(wire, config, cli), await checkWake(wire, config, cli)];
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return [broken("redis", message, remedy)];
  }
}

/** Nothing where INFO is not allowed (redis.io/docs/latest/commands/info). */
async function readInfo(wire: RedisWire): Promise<ReadonlyMap<string, string>> {
  const said = await wire.send(["INFO"]).catch(() => "");
  const lines = String(said).matchAll(/^([a-z_0-9]+):(.*?)\r?$/gm);
  return new Map([...lines].map(([, name = "", value = ""]) => [name, value]));
}

function checkVersion(facts: ReadonlyMap<string, string>, tookMs: number): Check {
  const version = facts.get("redis_version");
  const says = `answers in ${tookMs} ms`;
  // Upstash speaks of an older Redis than the one whose commands it has.
  const upstash = facts.get("upstash_version");
  if (upstash !== undefined) return ok("redis", `Upstash ${upstash}, ${says}`);
  if (version === undefined) return ok("redis", `${says}; it does not tell its version`);
  return Number.parseInt(version, 10) < oldestRedis
    ? broken("redis", `Redis ${version} is too old.`, `Use Redis ${oldestRedis} or newer.`)
    : ok("redis", `Redis ${version}, ${says}`);
}

function checkMemory(facts: ReadonlyMap<string, string>): Check[] {
  const policy = facts.get("maxmemory_policy");
  const limited = Number(facts.get("maxmemory") ?? 0) > 0;
  const checks: Check[] = [];
  if (policy?.startsWith("allkeys-") && limited)
    checks.push(
      broken(
        "eviction",
        `Redis throws away jobs when it is full (${policy}).`,
        "CONFIG SET maxmemory-policy noeviction",
      ),
    );
  else if (policy !== undefined && policy !== "noeviction")
    checks.push(
      warn(
        "eviction",
        `With ${policy} ${limited ? "" : "and a limit "}Redis forgets ended jobs and idempotency keys when it is full.`,
        "CONFIG SET maxmemory-policy noeviction",
      ),
    );
  else if (policy !== undefined) checks.push(ok("eviction", `${policy}: a full Redis refuses, and forgets nothing`));
  if (facts.get("aof_enabled") === "0")
    checks.push(
      warn(
        "durability",
        "Redis keeps no append-only file: its end may take the newest jobs along.",
        "CONFIG SET appendonly yes",
      ),
    );
  else if (facts.get("aof_enabled") === "1") checks.push(ok("durability", "append-only file"));
  return checks;
}

/** @throws AppError `store_unavailable` for a store of another version. */
async function checkJobs(wire: RedisWire, config: Config, { clock }: CliContext): Promise<Check> {
  const place = `prefix ${config.redisKeyPrefix}`;
  const schema = await wire.send(["HGET", `${config.redisKeyPrefix}:meta`, "schema"]);
  if (schema === null) return ok("store", `${place} (is made at the first start)`);
  const { byStatus } = await redisStoreOver(wire, config, { clock }).counts();
  const jobs = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
  return ok("store", `${place}, schema ${schema}, ${plural(jobs, "job")}`);
}

/** Sends itself a message: only that shows that it would come. */
async function checkWake(wire: RedisWire, { redisKeyPrefix, redisUrl }: Config, { clock }: CliContext): Promise<Check> {
  const channel = `${redisKeyPrefix}:doctor:${randomUUID()}`;
  const stop = new AbortController();
  const heard = Promise.withResolvers<"heard">();
  wire.listen(
    {
      channels: [channel],
      onMessage: () => heard.resolve("heard"),
      onUp: () => void wire.send(["PUBLISH", channel, "1"]).catch(() => undefined),
      onDown: () => undefined,
    },
    stop.signal,
  );
  const outcome = await Promise.race([heard.promise, clock.sleep(patienceMs, stop.signal)]);
  stop.abort();
  if (outcome === "heard") return ok("wake-up", "what is published is heard");
  return warn(
    "wake-up",
    "What is published is not heard: runners look for new jobs every 5 s instead, which costs commands.",
    /^http/.test(redisUrl ?? "")
      ? "Use a REST server with event streams: Upstash, or `agenticore redis-http`."
      : "Let this user use PSUBSCRIBE, SUBSCRIBE and PUBLISH (ACL rule `&*`).",
  );
}
