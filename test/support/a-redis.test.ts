import { existsSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startRedis } from "./a-redis.ts";

test("a Redis that is killed has what it answered, at the same place", async () => {
  await using redis = await startRedis({ durable: true });
  const client = new Redis(redis.url, { lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined);
  await client.set("k", "v");
  await redis.kill9();
  await expect(client.get("k")).rejects.toThrow();
  await redis.restart();
  await client.connect();
  expect(await client.get("k")).toBe("v");
  client.disconnect();
});

test("a Redis without an append-only file forgets, and leaves nothing behind", async () => {
  const redis = await startRedis();
  const client = new Redis(redis.socket, { lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined);
  await client.set("k", "v");
  await redis.stop();
  await redis.restart();
  await client.connect();
  expect(await client.get("k")).toBeNull();
  client.disconnect();
  await redis[Symbol.asyncDispose]();
  expect(existsSync(redis.dir)).toBe(false);
});

test("a server that refuses its settings says why", async () => {
  await expect(startRedis({ config: ["no-such-setting yes"] })).rejects.toThrow(/did not start.*no-such-setting/s);
});
