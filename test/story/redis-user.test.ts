import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startRedis } from "../support/a-redis.ts";
import { aWorld } from "../support/a-world.ts";

const page = readFileSync(join(resolve(import.meta.dirname, "../.."), "docs/redis.md"), "utf8");
const rules = /^ACL SETUSER (agenticore .*)$/m.exec(page)?.[1]?.split(" ") ?? [];

test("a Redis user with the rights that the documents name is enough for an API and a runner, and reaches nothing else", async () => {
  await using redis = await startRedis();
  const admin = new Redis(redis.url);
  await admin.call("ACL", "SETUSER", ...rules);
  const url = redis.url.replace("redis://", "redis://agenticore:a-long-secret@");
  await using world = await aWorld({ REDIS_URL: url });
  await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Say hello. [[scenario:text]]" });

  expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
  expect((await world.call("GET", "/ready")).status).toBe(200);
  expect(await admin.call("ACL", "LOG")).toEqual([]);
  const user = new Redis(url);
  await expect(user.set("other:key", "x")).rejects.toThrow("NOPERM");
  await expect(user.flushall()).rejects.toThrow("NOPERM");
  user.disconnect();
  admin.disconnect();
});
