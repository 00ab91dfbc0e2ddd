import { expect, test } from "vitest";
import { aClaim } from "../../support/a-job.ts";
import { lease, type OpenWorld, queue, read, settled, take } from "./store-world.ts";

const big = { job: { pool: "big" } } as const;
const both = ["big", "default"] as const;

export function poolsContract(open: OpenWorld): void {
  test("of one pool no more jobs run than its limit, and others pass those that wait", async () => {
    await using world = await open({ poolLimits: { big: 2 } });
    const { store } = world;
    const waiting = [];
    for (let n = 0; n < 4; n += 1) waiting.push(await queue(store, { job: { pool: "big", priority: 5 } }));
    const [small, tiny] = [await queue(store), await queue(store, { job: { pool: "tiny" } })];

    const order = [];
    for (let n = 0; n < 4; n += 1) order.push((await take(store, { pools: ["tiny", ...both] })).job.id);
    expect(order).toEqual([waiting[0], waiting[1], small, tiny]);
    expect(await store.claim(aClaim({ pools: ["tiny", ...both] }))).toBeUndefined();
    expect(await read(store, waiting[2] ?? small)).toMatchObject({ status: "queued", queue_position: 1 });
  });

  test("a pool's limit counts what runs from all of its parts, and the end of one wakes who waits for another", async () => {
    await using world = await open({ poolLimits: { big: 2 } });
    const { store } = world;
    const parts = ["big", "big@box-1", "big@box-2"] as const;
    const bound = (box: string) => queue(store, { job: { pool: "big" }, queue: `big@${box}` });
    await bound("box-1");
    await bound("box-2");
    const waiting = (await store.counts()).pools.map(({ pool, queued }) => [pool, queued]);
    expect(waiting).toEqual([["big", 2]]);
    const last = await queue(store, big);
    const other = await queue(store, { job: { pool: "bigger" } });
    const one = await take(store, { pools: ["big@box-1"] });
    await take(store, { pools: parts });
    const woken = store.changed({ timeoutMs: 9e9 });
    expect(await store.claim(aClaim({ pools: parts }))).toBeUndefined();
    expect((await take(store, { pools: [...parts, "bigger"] })).job.id).toBe(other);
    await store.finish(one.lease, { status: "succeeded", patch: {} });

    await settled(world, woken);
    expect((await take(store, { pools: parts })).job.id).toBe(last);
    expect(await store.claim(aClaim({ pools: parts }))).toBeUndefined();
  });

  test("a pool without a limit runs all at once", async () => {
    await using world = await open({ poolLimits: { big: 1 } });
    for (let n = 0; n < 5; n += 1) await queue(world.store);
    for (let n = 0; n < 5; n += 1) await take(world.store);
  });

  test("the end of a job frees its place, and whoever waits is woken", async () => {
    await using world = await open({ poolLimits: { big: 1 } });
    const { store } = world;
    await queue(store, big);
    const next = await queue(store, big);
    const { lease: held } = await take(store, { pools: both });
    const woken = store.changed({ timeoutMs: 9e9 });
    expect(await store.claim(aClaim({ pools: both }))).toBeUndefined();
    await store.finish(held, { status: "failed", patch: {} });

    await settled(world, woken);
    expect((await take(store, { pools: both })).job.id).toBe(next);
  });

  test("a job that is given back frees its place", async () => {
    await using world = await open({ poolLimits: { big: 1 } });
    const { store } = world;
    const first = await queue(store, big);
    const next = await queue(store, big);
    const { lease: held } = await take(store, { pools: both });
    await store.release(held, { reason: "waiting", delayMs: lease });

    expect((await take(store, { pools: both })).job.id).toBe(next);
    await world.advance(lease + 1_000);
    // The lease of the second ran out with it: the first is due, and goes first.
    expect((await take(store, { pools: both })).job.id).toBe(first);
    expect(await store.claim(aClaim({ pools: both }))).toBeUndefined();
  });

  test("a lease that ran out frees its place", async () => {
    await using world = await open({ poolLimits: { big: 1 } });
    const { store } = world;
    await queue(store, { job: { pool: "big", max_attempts: 1 } });
    const next = await queue(store, big);
    await take(store, { pools: both });
    expect(await store.claim(aClaim({ pools: both }))).toBeUndefined();
    await world.advance(lease);

    expect((await take(store, { pools: both })).job.id).toBe(next);
  });

  test("a cancel of a job that waits, or a retry, takes no place", async () => {
    await using world = await open({ poolLimits: { big: 1 } });
    const { store } = world;
    const first = await queue(store, big);
    await store.cancel(first, { name: "ada" });
    await store.retry(first);
    const next = await queue(store, big);
    const claim = await take(store, { pools: both });
    expect(claim.job.id).toBe(first);
    await store.finish(claim.lease, { status: "failed", patch: {} });
    await store.retry(first);

    expect((await take(store, { pools: both })).job.id).toBe(next);
    expect(await store.claim(aClaim({ pools: both }))).toBeUndefined();
  });

  test("a repository's limit and its pool's both hold", async () => {
    await using world = await open({ repoLimit: 1, poolLimits: { big: 2 } });
    const { store } = world;
    const busy = { repoKey: "https://h/busy", job: { pool: "big" } };
    const first = await queue(store, busy);
    const second = await queue(store, busy);
    const third = await queue(store, big);
    const fourth = await queue(store, big);

    const one = await take(store, { pools: both });
    expect(one.job.id).toBe(first);
    expect((await take(store, { pools: both })).job.id).toBe(third);
    expect(await store.claim(aClaim({ pools: both }))).toBeUndefined();
    await store.finish(one.lease, { status: "succeeded", patch: {} });
    expect((await take(store, { pools: both })).job.id).toBe(second);
    expect(await read(store, fourth)).toMatchObject({ status: "queued" });
  });

  test("50 claims at once over two connections never pass a pool's limit", async () => {
    await using world = await open({ poolLimits: { big: 3 } });
    const other = await world.another();
    for (let n = 0; n < 10; n += 1) await queue(world.store, big);

    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? other : world.store).claim(aClaim({ pools: ["big"] }))),
    );
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(3);
  });

  test("a job in a pool that nobody serves, or that is full, holds up none of its repository in another pool", async () => {
    await using world = await open({ repoLimit: 1, poolLimits: { big: 1 } });
    const { store } = world;
    await queue(store, big);
    await take(store, { pools: ["big"] });
    const repoKey = "https://h/r";
    await queue(store, { repoKey, job: { pool: "gpu", priority: 9 } });
    await queue(store, { repoKey, job: { pool: "big", priority: 8 } });
    const here = await queue(store, { repoKey });

    expect((await take(store, { pools: both })).job.id).toBe(here);
    expect(await store.claim(aClaim({ pools: ["gpu"] }))).toBeUndefined();
  });

  test("a job in a pool that nobody serves holds up none of its session in another pool", async () => {
    await using world = await open();
    const { store } = world;
    const session_id = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";
    await queue(store, { job: { session_id, pool: "gpu" } });
    const here = await queue(store, { job: { session_id } });

    expect((await take(store)).job.id).toBe(here);
    expect(await store.claim(aClaim({ pools: ["gpu"] }))).toBeUndefined();
  });
}
