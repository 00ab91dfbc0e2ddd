import type { Clock } from "../../shared/clock.ts";
import type { Log } from "../../shared/log.ts";
import type { RedisHttpToken } from "../../shared/redis-http-token.ts";
import type { RedisAccess } from "./redis-access.ts";

export type BridgeLimits = Readonly<{
  bodyBytes: number;
  /** Commands of one pipeline or transaction. */
  commands: number;
  /** Requests that are worked on at once, subscriptions apart. */
  requests: number;
  subscriptions: number;
  /** Between two comments on a stream that has nothing to say. */
  keepAliveMs: number;
}>;
export type BridgeDeps = Readonly<{
  /** None: whoever reaches the loopback address has full rights. */
  tokens: readonly RedisHttpToken[];
  /** Redis with the rights of this token; without one with the bridge's own. */
  access: (token?: RedisHttpToken) => RedisAccess;
  limits: BridgeLimits;
  clock: Clock;
  log: Log;
  version: string;
  /** Ends the streams. */
  stopping: AbortSignal;
}>;
export type BridgeEnv = { Variables: { token: RedisHttpToken | undefined; redis: RedisAccess } };
