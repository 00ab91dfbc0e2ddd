import { expect, test } from "vitest";
import { budgetMemoryMs } from "../../../shared/budget.ts";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { startRedis } from "../../support/a-redis.ts";
import { redisWorld, tcpTo } from "../../support/redis-world.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const name = "total/2026-03-01";
const budgets = [{ name, limitUsd: 10, reserveUsd: 1 }];

test("SQLite remembers a budget for eight days after it was taken from last, and forgets it then", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  await store.submit(aNewJob({ budgets }));
  const claim = await store.claim(aClaim());
  if (!claim) throw new Error("nothing was claimed");
  await store.finish(claim.lease, { status: "failed", patch: { cost_usd: 0.5 } });
  await world.advance(budgetMemoryMs - 1);
  await store.sweep();
  expect(await store.budgets([name])).toEqual([{ name, spentUsd: 0.5, reservedUsd: 0 }]);
  await world.advance(1);
  await store.sweep();
  expect(await store.budgets([name])).toEqual([{ name, spentUsd: 0, reservedUsd: 0 }]);
});

test("Redis remembers a budget for eight days after it was taken from last", async () => {
  await using server = await startRedis();
  await using world = await redisWorld({ connect: () => tcpTo(server) });
  const ttl = async () => Number(await world.wire.send(["PTTL", `${world.prefix}:budget:${name}`]));
  const { job } = await world.store.submit(aNewJob({ budgets }));
  expect(await ttl()).toBeGreaterThan(budgetMemoryMs - 60_000);
  await world.wire.send(["PEXPIRE", `${world.prefix}:budget:${name}`, 600_000]);
  await world.store.cancel(job.id, { name: "somebody" });
  expect(await ttl()).toBeGreaterThan(budgetMemoryMs - 60_000);
});
