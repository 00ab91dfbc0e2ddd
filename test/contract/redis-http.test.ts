import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../shared/clock.node.ts";
import { Secret } from "../../shared/secret.ts";
import { openHttpWire } from "../../shared/store/redis/http-wire.ts";
import { type ABridge, startBridge } from "../support/a-bridge.ts";
import { type ARedis, startRedis } from "../support/a-redis.ts";
import { redisWorld, tcpTo } from "../support/redis-world.ts";
import { storeContract } from "./store-contract.ts";

/** All of the store works with a token that is bound to its keys: each world's prefix begins so. */
const secret = "secret-of-the-scoped-store";
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

storeContract("the Redis store over HTTP, with a token of its prefix", (limits) =>
  redisWorld({
    ...limits,
    look: () => tcpTo(server ?? { url: "" }),
    connect: () => {
      if (!bridge) throw new Error("the bridge has not started");
      const fetched: typeof fetch = (...request) => fetch(...request);
      const token = new Secret(secret);
      return openHttpWire({ url: bridge.url, token, clock: systemClock, random: Math.random, fetch: fetched });
    },
  }),
);
