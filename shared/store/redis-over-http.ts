import type { Clock } from "../clock.ts";
import type { Config } from "../config-keys.ts";
import { AppError } from "../error.ts";
import type { Log } from "../log.ts";
import type { JobStore } from "../store.ts";
import { openHttpWire } from "./redis/http-wire.ts";
import type { Listening, RedisWire } from "./redis/wire.ts";
import { openRedisStore } from "./redis.ts";
import { limitsOf } from "./store-limits.ts";

type Keys = Pick<Config, "redisUrl" | "redisToken" | "redisKeyPrefix" | "repoLimit" | "poolLimits">;
type Deps = Readonly<{ clock: Clock; random: () => number; newId: () => string; fetch: typeof fetch; log: Log }>;

/** Whoever asks at the edge is told soon that Redis is away: there is no disk to keep a job on meanwhile. */
const limits = { tryMs: 3_000, callMs: 5_000 };
/** A request at the edge may have six connections (developers.cloudflare.com/workers/platform/limits): some stay for commands. */
const mostStreams = 3;

/** The way to a store that needs nothing but `fetch`; opening asks nothing, and costs little enough for each request. */
export type OpenStore = () => JobStore;

/** Checked once, opened as often as one likes. @throws AppError `invalid_request` without an HTTP address or its token. */
export function redisOverHttp(config: Keys, deps: Deps): OpenStore {
  const { redisUrl: url = "", redisToken: token } = config;
  if (!/^https?:/.test(url) || token === undefined)
    throw new AppError(
      "invalid_request",
      "REDIS_URL must be the https:// address of a Redis, and REDIS_TOKEN its token.",
      {
        remedy: "Set both: those of Upstash's REST API, or of `agenticore redis-http`.",
      },
    );
  return () => {
    const wire = withFewStreams(openHttpWire({ ...deps, url, token, limits }), mostStreams);
    return openRedisStore({ ...deps, wire, prefix: config.redisKeyPrefix, limits: limitsOf(config) });
  };
}

/** What is listened to beyond these many streams is not heard, and looked at every few seconds instead. */
export function withFewStreams(wire: RedisWire, most: number): RedisWire {
  let open = 0;
  return {
    send: wire.send,
    run: wire.run,
    listen: (what: Listening, signal: AbortSignal) => {
      const streams = (what.channels?.length ?? 0) + (what.patterns?.length ?? 0);
      if (signal.aborted || open + streams > most) return;
      open += streams;
      signal.addEventListener("abort", () => (open -= streams), { once: true });
      wire.listen(what, signal);
    },
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}
