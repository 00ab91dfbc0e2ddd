import { expect, test } from "vitest";
import { bullmqSide } from "../../bench/queue/bullmq-side.ts";
import { commandsOf, commandsPerJob } from "../../bench/queue/commands.ts";
import { growth } from "../../bench/queue/growth.ts";
import { ourSide } from "../../bench/queue/our-side.ts";
import { percentiles, pickUp } from "../../bench/queue/pick-up.ts";
import { aSpec } from "../../bench/queue/queue-side.ts";
import { saturated } from "../../bench/queue/saturated.ts";
import { watchCommands } from "../../bench/queue/watch-commands.ts";
import { systemClock } from "../../shared/clock.node.ts";
import { openTcpWire } from "../../shared/store/redis/tcp-wire.node.ts";
import { startRedis } from "../support/a-redis.ts";

const sides = (url: string) => {
  const connect = () => openTcpWire({ url, clock: systemClock, random: Math.random });
  return {
    ours: (repoLimit?: number) => ourSide({ name: "ours", connect, ...(repoLimit === undefined ? {} : { repoLimit }) }),
    bullmq: () => bullmqSide(url),
  };
};

test.each(["ours", "bullmq"] as const)("%s goes through all that is measured", async (name) => {
  await using server = await startRedis();
  await using side = sides(server.url)[name]();
  await side.enqueue(aSpec());
  await side.fill(20);
  expect(await side.drain({ warmUp: 1, jobs: 20, inFlight: 8 })).toBeGreaterThan(0);
  await side.enqueue(aSpec());
  expect(await side.claimOne()).toBeGreaterThan(0);
  expect(await pickUp(side, 3)).toMatchObject({ samples: 3 });
  expect(await growth(side, { sizes: [20, 30], samples: 10, note: () => undefined })).toMatchObject([
    { queued: 20 },
    { queued: 30 },
  ]);
});

test("commands are told apart: those sent, and those within scripts", async () => {
  await using server = await startRedis();
  await using side = sides(server.url).ours();
  const calls = await commandsOf(side.store, server.url);
  expect(calls.map(({ what }) => what)).toContain("claim of nothing");
  for (const call of calls) expect([call.what, call.sent]).toEqual([call.what, 1]);
  expect((await commandsPerJob(side, server.url)).sent).toBeGreaterThanOrEqual(3);
  expect(await watchCommands(server.url, async () => undefined)).toMatchObject({ sent: 0, inScripts: 0 });
});

test("a claim passes by those that wait for their repository", async () => {
  await using server = await startRedis();
  await using side = sides(server.url).ours(2);
  const found = await saturated(side, { limit: 2, parked: 50, samples: 10 });
  expect(Object.values(found).every((ms) => ms > 0)).toBe(true);
});

test("percentiles are of the sorted values", () => {
  const values = Array.from({ length: 100 }, (_, n) => 99 - n);
  expect(percentiles(values)).toEqual({ p50: 50, p95: 95, max: 99, samples: 100 });
  expect(() => percentiles([])).toThrow("nothing");
});
