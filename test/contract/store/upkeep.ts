import { expect, test } from "vitest";
import { aClaim, aNewJob } from "../../support/a-job.ts";
import { hour, type OpenWorld, queue, read, refused, take, told } from "./store-world.ts";

export function upkeepContract(open: OpenWorld): void {
  test("W-15: a job that nobody took within its queue time expires, with a sentence", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { queueTtlSeconds: 60 });
    await world.advance(59_000);
    expect(await store.sweep()).toEqual([]);
    await world.advance(1_000);

    expect(await store.sweep()).toEqual([id]);
    const job = await read(store, id);
    expect(job).toMatchObject({ status: "expired", error_code: "queue_expired", attempt: 0, attempts: [] });
    expect(job.error).toContain("60 s");
    expect(job.ended_at).toBeDefined();
    expect(await told(store, id)).toEqual(["job.queued", "job.expired"]);
  });

  test("a claim never gives a job whose queue time is over", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { queueTtlSeconds: 60 });
    await world.advance(60_000);

    expect(await store.claim(aClaim())).toBeUndefined();
    expect(await read(store, id)).toMatchObject({ status: "expired" });
  });

  test("a claim gives none of many jobs whose queue time is over, and gets the one that is in time", async () => {
    await using world = await open();
    const { store } = world;
    for (let n = 0; n < 70; n += 1) await queue(store, { queueTtlSeconds: 60, job: { priority: 5 } });
    await world.advance(60_000);
    const id = await queue(store);

    expect((await take(store)).job.id).toBe(id);
  });

  test("a job that was started once does not expire", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { queueTtlSeconds: 60 });
    await store.release((await take(store)).lease, { reason: "drained", delayMs: 2 * hour });
    await world.advance(hour);

    expect(await store.sweep()).toEqual([]);
    expect(await read(store, id)).toMatchObject({ status: "queued" });
  });

  test("an ended job goes, with its events, its TTL after its end, not before", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { job: { ttl_seconds: 3_600 } });
    await world.advance(2 * hour);
    const { lease: held } = await take(store);
    await store.finish(held, { status: "succeeded", patch: { output: "x" } });
    await world.advance(hour - 1_000);
    expect(await store.sweep()).toEqual([]);
    expect(await read(store, id)).toMatchObject({ status: "succeeded" });
    await world.advance(1_000);

    expect(await store.sweep()).toEqual([id]);
    expect(await store.get(id)).toBeUndefined();
    expect((await store.list({ limit: 10 })).jobs).toEqual([]);
    await refused(store.events(id, {}), "not_found");
    await refused(store.retry(id), "not_found");
    await expect(store.finish(held, { status: "succeeded", patch: {} })).rejects.toMatchObject({ name: "LeaseLost" });
    expect(await store.counts()).toEqual({ byStatus: {}, pools: [] });
  });

  test("a live job never goes", async () => {
    await using world = await open();
    const { store } = world;
    const queued = await queue(store, { queueTtlSeconds: 10_000_000, job: { ttl_seconds: 1, priority: -1 } });
    const running = await queue(store, { queueTtlSeconds: 10_000_000, job: { ttl_seconds: 1 } });
    await take(store, { leaseMs: 24 * hour });
    await world.advance(20 * hour);

    expect(await store.sweep()).toEqual([]);
    expect(await read(store, queued)).toMatchObject({ status: "queued" });
    expect(await read(store, running)).toMatchObject({ status: "running" });
  });

  test("a retried job lives again, and its idempotency key with it", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "order-1", body: "digest" };
    const id = await queue(store, { queueTtlSeconds: 10_000_000, job: { ttl_seconds: 3_600 }, idempotency });
    await store.finish((await take(store)).lease, { status: "failed", patch: {} });
    await store.retry(id);
    await world.advance(100 * hour);

    expect(await store.sweep()).toEqual([]);
    expect(await read(store, id)).toMatchObject({ status: "queued" });
    expect(await store.submit(aNewJob({ idempotency }))).toMatchObject({ replayed: true, job: { id } });
  });

  test("one sweep does all that there is to do", async () => {
    await using world = await open();
    const { store } = world;
    for (let n = 0; n < 250; n += 1) await queue(store, { queueTtlSeconds: 60, job: { ttl_seconds: 3_600 } });
    await world.advance(hour);
    expect(await store.sweep()).toHaveLength(250);
    await world.advance(hour);
    expect(await store.sweep()).toHaveLength(250);
    expect((await store.list({ limit: 10 })).jobs).toEqual([]);
  });

  test("the store answers a ping", async () => {
    await using world = await open();
    await expect(world.store.ping()).resolves.toBeUndefined();
  });
}
