import { expect, test } from "vitest";
import { aJob, aJobId, aNewJob } from "../../support/a-job.ts";
import { hour, type OpenWorld, queue, read, refused, take, told } from "./store-world.ts";

export function submissionContract(open: OpenWorld): void {
  test("a submitted job is queued, at the end of its pool's queue", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);

    const fresh = aNewJob({ job: { task: "Second", metadata: { team: "blue" } } });
    const { job, replayed } = await store.submit(fresh);

    expect(replayed).toBe(false);
    expect(job).toEqual({ ...fresh.job, queue_position: 2 });
    expect(await store.get(job.id)).toEqual(job);
    expect(await told(store, job.id)).toEqual(["job.queued"]);
  });

  test("the same idempotency key and body give the same job, whatever has become of it", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "order-1", body: "digest" };
    const id = await queue(store, { idempotency });
    const again = async () => store.submit(aNewJob({ idempotency }));

    expect(await again()).toMatchObject({ replayed: true, job: { id, status: "queued" } });
    const { lease } = await take(store);
    expect(await again()).toMatchObject({ replayed: true, job: { id, status: "running" } });
    await store.finish(lease, { status: "succeeded", patch: { output: "done" } });
    expect(await again()).toMatchObject({ replayed: true, job: { id, status: "succeeded", output: "done" } });
    expect((await store.list({ limit: 10 })).jobs).toHaveLength(1);
  });

  test("the same idempotency key with another body is refused, and nothing is stored", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store, { idempotency: { key: "order-1", body: "one" } });

    await refused(store.submit(aNewJob({ idempotency: { key: "order-1", body: "two" } })), "invalid_request");
    expect((await store.list({ limit: 10 })).jobs).toHaveLength(1);
  });

  test("an idempotency key belongs to its tenant", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "order-1", body: "one" };
    const ours = await queue(store, { tenant: "blue", idempotency });
    const theirs = await queue(store, { tenant: "red", idempotency });

    expect(theirs).not.toBe(ours);
  });

  test("an idempotency key holds as long as its job lives, however long that is", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "order-1", body: "one" };
    const id = await queue(store, { idempotency, queueTtlSeconds: 1_000_000 });
    await world.advance(100 * hour);
    await store.sweep();

    expect(await store.submit(aNewJob({ idempotency }))).toMatchObject({ replayed: true, job: { id } });
  });

  test("an idempotency key means one job until 24 h after that job's end, and is free then", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "order-1", body: "one" };
    const id = await queue(store, { idempotency, job: { ttl_seconds: 200_000 } });
    const { lease } = await take(store);
    await store.finish(lease, { status: "succeeded", patch: {} });

    await world.advance(24 * hour - 1_000);
    await store.sweep();
    expect((await store.submit(aNewJob({ idempotency }))).job.id).toBe(id);
    await world.advance(2_000);
    await store.sweep();
    expect(await store.submit(aNewJob({ idempotency }))).toMatchObject({ replayed: false });
  });

  test("a key whose job was removed before the 24 h makes no second job", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "order-1", body: "one" };
    await queue(store, { idempotency, job: { ttl_seconds: 60 } });
    const { lease } = await take(store);
    await store.finish(lease, { status: "succeeded", patch: {} });
    await world.advance(61_000);
    await store.sweep();

    await refused(store.submit(aNewJob({ idempotency })), "conflict");
  });

  test("the same id submitted again is the same job", async () => {
    await using world = await open();
    const { store } = world;
    const fresh = aNewJob();
    await store.submit(fresh);
    await take(store);

    expect(await store.submit(fresh)).toMatchObject({ replayed: true, job: { id: fresh.job.id, status: "running" } });
    await refused(store.submit({ ...fresh, tenant: "red" }), "conflict");
  });

  test("what only a view or a copy may say is not stored", async () => {
    await using world = await open();
    const { store } = world;
    const job = aJob({ queue_position: 7, source: "file", stale: true, as_of: "2026-03-01T12:00:00.000Z" });
    await store.submit(aNewJob({ job: { ...job, durability: "spooled" } }));
    await take(store);

    const { queue_position, source, stale, as_of, ...plain } = job;
    const seen = await read(store, job.id);
    expect(seen).toMatchObject({ ...plain, status: "running", attempt: 1 });
    for (const name of ["queue_position", "source", "stale", "as_of", "durability"])
      expect(seen).not.toHaveProperty(name);
  });

  test("a job is shown to its own tenant and to who asks without one", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { tenant: "blue" });

    expect(await store.get(id, "blue")).toMatchObject({ id });
    expect(await store.get(id)).toMatchObject({ id });
    expect(await store.get(id, "red")).toBeUndefined();
    expect(await store.get(aJobId())).toBeUndefined();
  });

  test("text of every alphabet, of every length allowed and with every control character comes back as it went in", async () => {
    await using world = await open();
    const { store } = world;
    const task = `${"é漢🙂\u0000\u0001\n\t\"\\'{}$[]%".repeat(5_000)}end`;
    const id = await queue(store, { job: { task, metadata: { "key.with'quotes\"": "\u2028" } } });

    expect(await read(store, id)).toMatchObject({ task, metadata: { "key.with'quotes\"": "\u2028" } });
  });
}
