import { existsSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startBridge } from "../support/a-bridge.ts";
import { startRedis } from "../support/a-redis.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

test.concurrent("a server with REDIS_URL keeps its jobs in that Redis and runs them", async () => {
  await using redis = await startRedis();
  await using repo = await sampleRepo();
  await using world = await aWorld({ REDIS_URL: redis.url, AGENTICORE_ALLOWED_REPOS: repo.path });
  await world.serve({ direct: true });
  const job = await world.submit({ task: "Say hello. [[scenario:text]]", repo_url: repo.path });

  expect(await world.ended(job.id)).toMatchObject({ status: "succeeded", attempt: 1 });
  expect((await world.events(job.id)).map(({ type }) => type)).toContain("job.claimed");
  const client = new Redis(redis.url);
  expect(await client.hget(`agenticore:job:${job.id}`, "status")).toBe("succeeded");
  expect(await client.pttl(`agenticore:job:${job.id}`)).toBeGreaterThan(0);
  client.disconnect();
  expect(existsSync(join(world.home, ".agenticore/agenticore.db"))).toBe(false);
});

test.concurrent("a job given to an API that reaches Redis over HTTP is run by a runner that reaches it over TCP", async () => {
  await using redis = await startRedis();
  await using bridge = await startBridge(redis.url);
  await using world = await aWorld();
  await world.serve({ direct: true, args: ["--no-runner"], env: { REDIS_URL: bridge.url, REDIS_TOKEN: bridge.token } });
  const early = await world.submit({ task: "Say hello. [[scenario:text]]" });
  await world.runner({ REDIS_URL: redis.url });
  expect(await world.ended(early.id)).toMatchObject({ status: "succeeded" });
  const start = performance.now();
  const late = await world.submit({ task: "Say hello. [[scenario:text]]" });
  await world.until(late.id, ({ status }) => status !== "queued");
  // It was woken: an idle runner looks by itself once a minute only.
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(await world.ended(late.id)).toMatchObject({ status: "succeeded" });
});

test.concurrent("a server that is started while Redis is away comes up, and works once Redis is there", async () => {
  await using redis = await startRedis({ durable: true });
  await redis.kill9();
  await using world = await aWorld({ REDIS_URL: redis.url });
  await world.serve({ direct: true });
  expect((await world.call("GET", "/ready")).status).toBe(503);
  await redis.restart();
  await eventually(async () => (await world.call("GET", "/ready")).status === 200);
  const job = await world.submit({ task: "Say hello. [[scenario:text]]" });
  expect(await world.ended(job.id)).toMatchObject({ status: "succeeded" });
});
