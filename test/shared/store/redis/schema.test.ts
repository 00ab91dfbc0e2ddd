import { afterAll, beforeAll, expect, test } from "vitest";
import type { RedisWire } from "../../../../shared/store/redis/wire.ts";
import type { JobStore } from "../../../../shared/store.ts";
import { aClaim, aMessage, aNewJob, aRunner } from "../../../support/a-job.ts";
import { type ARedis, startRedis } from "../../../support/a-redis.ts";
import { readRedis } from "../../../support/redis-snapshot.ts";
import { redisWorld, tcpTo } from "../../../support/redis-world.ts";

let server: ARedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

/** The scripts as another version of Agenticore has them. */
const ofSchema =
  (number: number) =>
  (wire: RedisWire): RedisWire => ({
    ...wire,
    run: ({ name, source }, keys, args) =>
      wire.run({ name, source: source.replace(/local SCHEMA = '\d+'/, `local SCHEMA = '${number}'`) }, keys, args),
  });

test("a store of another schema is refused by every method that writes or decides, and nothing is changed", async () => {
  await using ours = await redisWorld({ connect: () => tcpTo(server) });
  const { job } = await ours.store.submit(aNewJob());
  const claim = await ours.store.claim(aClaim());
  if (!claim) throw new Error("nothing was claimed");
  const { lease } = claim;
  const before = await readRedis(ours.wire, ours.prefix);
  await using world = await redisWorld({ connect: () => tcpTo(server), wrap: ofSchema(2), prefix: ours.prefix });
  const { store } = world;
  const calls: readonly ((store: JobStore) => Promise<unknown>)[] = [
    () => store.submit(aNewJob()),
    () => store.get(job.id),
    () => store.list({ limit: 1 }),
    () => store.claim(aClaim()),
    () => store.renew(lease, { leaseMs: 1_000, patch: { output: "no" } }),
    () => store.finish(lease, { status: "failed", patch: {} }),
    () => store.release(lease, { reason: "crashed" }),
    () => store.cancel(job.id, { name: "ada" }),
    () => store.retry(job.id),
    () => store.addMessage(job.id, aMessage()),
    () => store.events(job.id, {}),
    () => store.sweep(),
    () => store.announce(aRunner()),
    () => store.retire("box-1/a1"),
    () => store.runners(),
    () => store.drain("box-1"),
    () => store.saveSession(lease, { id: "s", tenant: "local", job: job.id, runner: lease.runner }),
    () => store.sessionUser("s"),
    () => store.takeLock({ name: "l", owner: "o", ttlMs: 1_000 }),
    () => store.dropLock({ name: "l", owner: "o" }),
    () => store.counts(),
    () => store.openRelay({ channel: "c", owner: "o", ttlMs: 1_000 }),
    () => store.sendRelay({ channel: "c", owner: "o", id: "1", text: "x" }),
    () => store.takeRelay({ channel: "c", after: 0, ttlMs: 1_000 }),
    () => store.closeRelay("c"),
  ];
  for (const call of calls)
    await expect(call(store)).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringMatching(/schema 1\b.*knows 2\b/),
      remedy: expect.stringMatching(/REDIS_KEY_PREFIX/),
    });

  const { ttls: _, ...after } = await readRedis(ours.wire, ours.prefix);
  expect(after).toEqual({ ...before, ttls: undefined });
});

test("an older program is told to be updated", async () => {
  await using newer = await redisWorld({ connect: () => tcpTo(server), wrap: ofSchema(7) });
  await newer.store.submit(aNewJob());
  await using ours = await redisWorld({ connect: () => tcpTo(server), prefix: newer.prefix });

  await expect(ours.store.claim(aClaim())).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("schema 7"),
    remedy: expect.stringContaining("agenticore update"),
  });
});
