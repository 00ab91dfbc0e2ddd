import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../../../shared/clock.node.ts";
import { openRedisStore } from "../../../shared/store/redis.ts";
import { startBridge } from "../a-bridge.ts";
import { startRedis } from "../a-redis.ts";
import { startWorker } from "../a-worker.ts";
import { tcpTo } from "../redis-world.ts";
import { startFixtureRunner } from "./fixture-runner.ts";

/** The same door on workerd: its jobs are in a Redis behind our bridge, and the runner is beside it, over TCP. */
export async function fixturesOnWorkerd(): Promise<AsyncDisposable & Readonly<{ url: string }>> {
  await using made = new AsyncDisposableStack();
  const redis = made.use(await startRedis());
  const bridge = made.use(await startBridge(redis.url));
  const ports = { clock: systemClock, random: Math.random, newId: randomUUID };
  const store = made.use(openRedisStore({ wire: tcpTo(redis), prefix: "agenticore", ...ports }));
  made.use(startFixtureRunner(store));
  const env = { REDIS_URL: bridge.url, REDIS_TOKEN: bridge.token };
  const { url } = made.use(await startWorker(env, join(import.meta.dirname, "wrangler.toml")));
  const kept = made.move();
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
