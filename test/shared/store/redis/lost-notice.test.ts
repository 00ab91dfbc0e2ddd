import { expect, test } from "vitest";
import { minute, queue } from "../../../contract/store/store-world.ts";
import { startRedis } from "../../../support/a-redis.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

test("a notice whose facts are gone is dropped, leaves nothing behind and stops no other", async () => {
  await using redis = await startRedis();
  await using world = await redisWorld({ connect: () => tcpTo(redis) });
  const { store, wire, prefix } = world;
  const ended = async () => {
    const id = await queue(store, { job: { notify_url: "https://hooks.example/" } });
    await store.cancel(id, { name: "somebody" });
    await world.advance(1);
    return id;
  };
  for (let n = 0; n < 3; n += 1) await ended();
  const lost = (await wire.send(["ZRANGE", `${prefix}:notices`, 0, -1])) as readonly string[];
  for (const name of lost) expect(await wire.send(["DEL", `${prefix}:notice:${name}`])).toBe(1);
  const kept = await ended();
  const [notice, ...more] = await store.takeNotices({ limit: 1, leaseMs: minute });
  expect([notice?.job, more]).toEqual([kept, []]);
  for (const name of lost) expect(await wire.send(["EXISTS", `${prefix}:notice:${name}`])).toBe(0);
  expect((await store.noticeCounts()).waiting).toBe(1);
});
