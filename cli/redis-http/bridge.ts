import type { Clock } from "../../shared/clock.ts";
import { AppError } from "../../shared/error.ts";
import { openHttpServer } from "../../shared/http-server.node.ts";
import type { Log } from "../../shared/log.ts";
import type { RedisHttpToken } from "../../shared/redis-http-token.ts";
import { isLoopbackHost } from "../../shared/repo-rules.ts";
import { greetingOf } from "./acl-user.ts";
import { bridgeApp } from "./app.ts";
import type { RedisPlace } from "./connection.ts";
import type { BridgeLimits } from "./deps.ts";
import { openRedisAccess, type RedisAccess } from "./redis-access.ts";

export type BridgeOptions = Readonly<{
  redis: RedisPlace;
  tokens: readonly RedisHttpToken[];
  host: string;
  /** 0 takes a free one. */
  port: number;
  limits?: Partial<BridgeLimits & { timeoutMs: number }>;
  clock: Clock;
  random: () => number;
  log: Log;
  version: string;
}>;
export type RunningBridge = Readonly<{
  url: string;
  /** Takes no more requests, answers those that wait, ends the streams; resolves when all connections are closed. */
  close: () => Promise<void>;
}>;

/** A body as large as Upstash takes it, and as long as a command may take. */
const usual: BridgeLimits & { timeoutMs: number } = {
  bodyBytes: 10 * 1024 * 1024,
  commands: 1_000,
  requests: 256,
  subscriptions: 1_000,
  keepAliveMs: 15_000,
  timeoutMs: 10_000,
};

/**
 * Serves a Redis over HTTP. It starts without Redis too, and answers 503 until that is there.
 * @throws AppError `forbidden` for an open address without tokens, else as `openHttpServer`.
 */
export async function startBridge(options: BridgeOptions): Promise<RunningBridge> {
  const { redis, tokens, host, port, clock, random, log, version } = options;
  checkBind(tokens, host);
  const limits = { ...usual, ...options.limits };
  const { timeoutMs } = limits;
  const own = openRedisAccess({ redis, greeting: [], timeoutMs, clock, random, log });
  const accesses = new Map<string, RedisAccess>();
  const access = (token?: RedisHttpToken): RedisAccess => {
    if (!token || token.rights.kind === "full") return own;
    const known = accesses.get(token.name);
    if (known) return known;
    const opened = openRedisAccess({ redis, greeting: greetingOf(token), timeoutMs, clock, random, log });
    // Redis lets a user listen to a pattern only where it is one of that user's to the letter.
    const heard = token.rights.kind === "acl" ? opened : { ...opened, subscriptions: own.subscriptions };
    accesses.set(token.name, heard);
    return heard;
  };
  const stop = new AbortController();
  const app = bridgeApp({ tokens, access, limits, clock, log, version, stopping: stop.signal });
  const hints = { port: "`--port` or AGENTICORE_REDIS_HTTP_PORT", host: "AGENTICORE_REDIS_HTTP_HOST" };
  const server = await openHttpServer({ fetch: (request) => app.fetch(request), host, port, clock, hints });
  log.info("redis-http listens", { url: server.url, tokens: tokens.length });
  return {
    url: server.url,
    close: async () => {
      stop.abort();
      await server.close();
      for (const opened of [own, ...accesses.values()]) opened[Symbol.dispose]();
    },
  };
}

function checkBind(tokens: readonly RedisHttpToken[], host: string): void {
  if (tokens.length > 0 || isLoopbackHost(host)) return;
  throw new AppError("forbidden", `Without tokens only a loopback address is served, and ${host} is none.`, {
    remedy: "Set AGENTICORE_REDIS_HTTP_TOKENS, or bind 127.0.0.1.",
  });
}
