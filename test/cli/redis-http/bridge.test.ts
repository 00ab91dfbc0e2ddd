import { Redis } from "@upstash/redis";
import { expect, test } from "vitest";
import { startBridge } from "../../support/a-bridge.ts";
import { startRedis } from "../../support/a-redis.ts";

test("Upstash's client stores and reads through the bridge", async () => {
  await using server = await startRedis();
  await using bridge = await startBridge(server.url);
  const redis = new Redis({ url: bridge.url, token: bridge.token });
  expect(await redis.set("greeting", "grüße 🌍")).toBe("OK");
  expect(await redis.get("greeting")).toBe("grüße 🌍");
  expect(await redis.pipeline().incr("n").incr("n").get("none").exec()).toEqual([1, 2, null]);
  expect(await redis.multi().lpush("list", "OK", "b").lrange("list", 0, -1).exec()).toEqual([2, ["b", "OK"]]);
  await expect(redis.incr("greeting")).rejects.toThrow(/value is not an integer/);
  expect(await redis.eval("return {KEYS[1], ARGV[1], 7, redis.call('GET', KEYS[1])}", ["greeting"], ["a"])).toEqual([
    "greeting",
    "a",
    7,
    "grüße 🌍",
  ]);
});

test("a subscription is acknowledged, brings messages, and ends with its reader", async () => {
  await using server = await startRedis();
  await using bridge = await startBridge(server.url);
  const redis = new Redis({ url: bridge.url, token: bridge.token });
  const heard: unknown[] = [];
  const subscriber = redis.subscribe<string>("news");
  const acknowledged = new Promise((resolve) => subscriber.on("subscribe", resolve));
  const message = new Promise((resolve) => subscriber.on("message", resolve));
  expect(await acknowledged).toBe(1);
  expect(await redis.publish("news", { a: 1 })).toBe(1);
  heard.push(await message);
  expect(heard).toEqual([{ channel: "news", message: { a: 1 } }]);
  await subscriber.unsubscribe();
  await expect.poll(() => redis.exec(["PUBSUB", "NUMSUB", "news"])).toEqual(["news", 0]);
});
