import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import { AppError } from "../shared/error.ts";
import { type Log, silentLog } from "../shared/log.ts";
import { openHttpWire } from "../shared/store/redis/http-wire.ts";
import type { WireLimits } from "../shared/store/redis/patience.ts";
import { openTcpWire } from "../shared/store/redis/tcp-wire.node.ts";
import type { RedisWire } from "../shared/store/redis/wire.ts";

type Deps = Readonly<{ clock: Clock; fetch: typeof fetch; log?: Log; limits?: Partial<WireLimits> }>;
type Keys = Pick<Config, "redisUrl" | "redisToken">;

/**
 * The way to Redis that REDIS_URL names: `redis(s)://` is TCP, `http(s)://` is HTTP. Connects to nothing yet.
 * @throws AppError `invalid_request` for an address that is none, and for HTTP without a token.
 */
export function openRedisWire(
  { redisUrl: url = "", redisToken: token }: Keys,
  { clock, fetch, log = silentLog, limits = {} }: Deps,
): RedisWire {
  const common = { url, clock, random: Math.random, log, limits };
  if (!/^https?:/.test(url)) return openTcpWire({ ...common, ...(token ? { token } : {}) });
  if (token === undefined)
    throw new AppError("invalid_request", "REDIS_URL names a Redis over HTTP, and there is no token for it.", {
      remedy: "Set REDIS_TOKEN (UPSTASH_REDIS_REST_TOKEN does too).",
    });
  return openHttpWire({ ...common, token, fetch });
}
