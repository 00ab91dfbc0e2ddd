import { afterAll, beforeAll, expect, test } from "vitest";
import { aClaim, aNewJob } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { type RedisWorld, redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

const lease = 360_000;
const minute = 60_000;

async function withRunningJob(): Promise<
  RedisWorld & { running: NonNullable<Awaited<ReturnType<RedisWorld["store"]["claim"]>>> }
> {
  const world = await redisWorld({ connect: () => tcpTo(server) });
  await world.store.submit(aNewJob());
  const running = await world.store.claim(aClaim({ leaseMs: lease }));
  if (!running) throw new Error("nothing was claimed");
  return { ...world, running };
}

test("after an outage nobody's lease is reaped before its runner had a lease's time to renew", async () => {
  await using world = await withRunningJob();
  const { store, running } = world;
  await world.outage(10 * minute);

  expect(await store.claim(aClaim({ runner: "box-2/b" }))).toBeUndefined();
  await world.advance(5 * minute);
  expect(await store.sweep()).toEqual([]);
  await expect(store.renew(running.lease, { leaseMs: lease })).resolves.toBeDefined();
  await world.advance(lease - 1_000);
  expect(await store.sweep()).toEqual([]);
});

test("whoever does not renew in that time loses its job", async () => {
  await using world = await withRunningJob();
  const { store, running } = world;
  await world.outage(10 * minute);
  expect(await store.sweep()).toEqual([]);
  await world.advance(lease - 1);
  expect(await store.sweep()).toEqual([]);
  await world.advance(1);

  expect(await store.sweep()).toEqual([running.job.id]);
});

test("a lease that ended before the outage is reaped at once", async () => {
  await using world = await withRunningJob();
  const { store, running } = world;
  await world.advance(lease);
  await world.outage(10 * minute);

  expect(await store.sweep()).toEqual([running.job.id]);
});

test("a pause shorter than half a lease is no outage", async () => {
  await using world = await withRunningJob();
  const { store, running } = world;
  await world.advance(lease - minute);
  await world.outage(2 * minute);

  expect(await store.sweep()).toEqual([running.job.id]);
});

test("where looks at the store are rarer than leases are long, a lost job is found by the second look", async () => {
  await using world = await redisWorld({ connect: () => tcpTo(server) });
  const { store } = world;
  const { job } = await store.submit(aNewJob());
  await store.claim(aClaim({ leaseMs: 2_000 }));
  await world.outage(30_000);
  expect(await store.sweep()).toEqual([]);
  await world.outage(30_000);

  expect(await store.sweep()).toEqual([job.id]);
});

test("an idle runner is told to come back when the grace ends", async () => {
  await using world = await withRunningJob();
  const { store, clock } = world;
  await world.outage(10 * minute);
  expect(await store.claim(aClaim({ runner: "box-2/b" }))).toBeUndefined();
  let woken = false;
  const waiting = store.changed({ pools: ["default"], timeoutMs: 100 * minute }).then(() => {
    woken = true;
  });
  await world.advance(lease - 1_000);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(woken).toBe(false);
  await world.advance(1_000);
  await waiting;

  expect(clock.uptime()).toBeGreaterThan(0);
  expect(await store.claim(aClaim({ runner: "box-2/b" }))).toMatchObject({ job: { attempt: 2 } });
});
