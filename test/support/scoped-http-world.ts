import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../shared/clock.node.ts";
import { Secret } from "../../shared/secret.ts";
import { openHttpWire } from "../../shared/store/redis/http-wire.ts";
import type { OpenWorld } from "../contract/store/store-world.ts";
import { type ABridge, startBridge } from "./a-bridge.ts";
import { type ARedis, startRedis } from "./a-redis.ts";
import { redisWorld, tcpTo } from "./redis-world.ts";

const secret = "secret-of-the-scoped-store";

/**
 * Worlds of the Redis store over HTTP, with a token that is bound to its keys: each world's prefix begins so. For a test
 * file: one server and one bridge live as long as its tests.
 */
export function scopedHttpWorld(): OpenWorld {
  let server: ARedis | undefined;
  let bridge: ABridge | undefined;
  beforeAll(async () => {
    server = await startRedis();
    bridge = await startBridge(server.url, { tokens: [`store:scope=test-:${secret}`] });
  });
  afterAll(async () => {
    await bridge?.dispose();
    await server?.[Symbol.asyncDispose]();
  });
  return (limits) =>
    redisWorld({
      ...limits,
      look: () => tcpTo(server ?? { url: "" }),
      connect: () => {
        if (!bridge) throw new Error("the bridge has not started");
        const fetched: typeof fetch = (...request) => fetch(...request);
        const token = new Secret(secret);
        return openHttpWire({ url: bridge.url, token, clock: systemClock, random: Math.random, fetch: fetched });
      },
    });
}
