import { expect, test } from "vitest";
import { aClaim, aMessage } from "../../support/a-job.ts";
import { lease, type OpenWorld, queue, read, take, told } from "./store-world.ts";

export function claimsContract(open: OpenWorld): void {
  test("a claim gives the job with its lease, and everybody sees where it runs", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { tenant: "blue" });

    const claim = await take(store, { runner: "box-7/x", pod_name: "box-7" });

    const running = { id, status: "running", phase: "claimed", attempt: 1, pod_name: "box-7" };
    expect(claim).toMatchObject({ tenant: "blue", continues: false, messages: [], job: running });
    expect(claim.lease).toEqual({ job: id, runner: "box-7/x", fence: 1 });
    const seen = await read(store, id);
    expect(seen).toMatchObject(running);
    expect(seen.started_at).toBeDefined();
    expect(seen).not.toHaveProperty("queue_position");
    const { events } = await store.events(id, {});
    expect(events.at(-1)).toMatchObject({ type: "job.claimed", attempt: 1, data: { pod_name: "box-7" } });
  });

  test("an empty queue gives nothing", async () => {
    await using world = await open();
    expect(await world.store.claim(aClaim())).toBeUndefined();
  });

  test("a job is claimed once", async () => {
    await using world = await open();
    await queue(world.store);
    await take(world.store);

    expect(await world.store.claim(aClaim())).toBeUndefined();
  });

  test("higher priority comes first, then age; positions say so", async () => {
    await using world = await open();
    const { store } = world;
    const names = new Map([
      [await queue(store, { job: { priority: -1 } }), "low"],
      [await queue(store), "first"],
      [await queue(store, { job: { priority: 5 } }), "high"],
      [await queue(store), "second"],
    ]);
    const positions = await Promise.all([...names.keys()].map(async (id) => (await read(store, id)).queue_position));
    expect(positions).toEqual([4, 2, 1, 3]);

    const order = [];
    for (const _ of names) order.push(names.get((await take(store)).job.id));
    expect(order).toEqual(["high", "first", "second", "low"]);
  });

  test("a runner gets jobs of its own pools only, the best of all of them", async () => {
    await using world = await open();
    const { store } = world;
    const gpu = await queue(store, { job: { pool: "gpu" } });
    const plain = await queue(store, { job: { priority: 1 } });

    expect(await store.claim(aClaim({ pools: ["arm"] }))).toBeUndefined();
    expect(await store.claim(aClaim({ pools: [] }))).toBeUndefined();
    expect((await take(store, { pools: ["gpu", "default"] })).job.id).toBe(plain);
    expect((await take(store, { pools: ["gpu", "default"] })).job.id).toBe(gpu);
  });

  test("a lost reply is asked for again by the claim's id: the same job, the lease extended, nothing counted twice", async () => {
    await using world = await open();
    const { store } = world;
    const [id] = [await queue(store), await queue(store)];
    const request = aClaim();
    const first = await store.claim(request);
    await world.advance(lease - 1_000);

    const again = await store.claim(request);

    expect(again).toEqual(first);
    expect(await told(store, id)).toEqual(["job.queued", "job.claimed"]);
    await world.advance(lease - 1_000);
    expect(await store.sweep()).toEqual([]);
  });

  test("a claim asked for again when its job has ended gives nothing, and takes nothing else", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);
    const request = aClaim();
    const claim = await take(store, request);
    await store.finish(claim.lease, { status: "succeeded", patch: {} });
    const other = await queue(store);

    expect(await store.claim(request)).toBeUndefined();
    expect(await read(store, other)).toMatchObject({ status: "queued" });
  });

  test("a claim's id is worth nothing in another runner's hand", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);
    const request = aClaim();
    await store.claim(request);

    expect(await store.claim({ ...request, runner: "box-2/b" })).toBeUndefined();
  });

  test("of one repository no more jobs run than its limit, and others pass those that wait", async () => {
    await using world = await open({ repoLimit: 2 });
    const { store } = world;
    const busy = [];
    for (let n = 0; n < 4; n += 1) busy.push(await queue(store, { repoKey: "https://h/busy" }));
    const other = await queue(store, { repoKey: "https://h/other" });
    const none = await queue(store);

    const first = await take(store);
    const order = [first.job.id];
    for (let n = 0; n < 3; n += 1) order.push((await take(store)).job.id);

    expect(order).toEqual([busy[0], busy[1], other, none]);
    expect(await store.claim(aClaim())).toBeUndefined();
    await store.finish(first.lease, { status: "failed", patch: {} });
    expect((await take(store)).job.id).toBe(busy[2]);
    expect(await store.claim(aClaim())).toBeUndefined();
  });

  test("without a limit a repository's jobs all run at once", async () => {
    await using world = await open();
    for (let n = 0; n < 5; n += 1) await queue(world.store, { repoKey: "https://h/r" });
    for (let n = 0; n < 5; n += 1) await take(world.store);
  });

  test("a session has one writer: its next job waits for the end of the running one, and others pass it", async () => {
    await using world = await open();
    const { store } = world;
    const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
    const first = await queue(store, { job: { session_id } });
    const next = await queue(store, { job: { session_id, priority: 9 } });
    const other = await queue(store);

    const one = await take(store);
    expect(one.job.id).toBe(next);
    expect((await take(store)).job.id).toBe(other);
    expect(await store.claim(aClaim())).toBeUndefined();
    await store.finish(one.lease, { status: "succeeded", patch: {} });
    expect((await take(store)).job.id).toBe(first);
  });

  test("the session that a runner gave its job counts as used", async () => {
    await using world = await open();
    const { store } = world;
    const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
    await queue(store);
    const running = await take(store);
    await store.renew(running.lease, { leaseMs: lease, patch: { session_id } });
    await queue(store, { job: { session_id } });

    expect(await store.claim(aClaim())).toBeUndefined();
  });

  test("a claim brings the messages that came while the job waited, in their order", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const messages = [
      aMessage({ text: "one" }),
      aMessage({ text: "two", mode: "interrupt" }),
      aMessage({ text: "three" }),
    ];
    for (const message of messages) await store.addMessage(id, message);

    expect((await take(store)).messages).toEqual(messages);
  });
}
