import { afterAll, beforeAll } from "vitest";
import { type ARedis, startRedis } from "../support/a-redis.ts";
import { redisWorld, tcpTo } from "../support/redis-world.ts";
import { storeContract } from "./store-contract.ts";

let server: ARedis | undefined;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.[Symbol.asyncDispose]());

storeContract("the Redis store over TCP", (limits) =>
  redisWorld({
    ...limits,
    connect: () => {
      if (!server) throw new Error("the server has not started");
      return tcpTo(server);
    },
  }),
);
