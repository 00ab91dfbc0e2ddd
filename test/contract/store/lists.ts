import { expect, test } from "vitest";
import type { JobQuery } from "../../../shared/store.ts";
import { lease, type OpenWorld, queue, refused, take } from "./store-world.ts";

export function listsContract(open: OpenWorld): void {
  test("a list is newest first, and its pages hold each job once", async () => {
    await using world = await open();
    const { store } = world;
    const ids = [];
    for (let n = 0; n < 7; n += 1) ids.push(await queue(store));

    const first = await store.list({ limit: 3 });
    await queue(store);
    const second = await store.list({ limit: 3, cursor: first.next ?? "" });
    const third = await store.list({ limit: 3, cursor: second.next ?? "" });

    const seen = [first, second, third].flatMap((page) => page.jobs.map((job) => job.id));
    expect(seen).toEqual(ids.toReversed());
    expect(third).not.toHaveProperty("next");
    expect(await store.list({ limit: 8 })).not.toHaveProperty("next");
  });

  test("a list holds what the filters say, in every combination", async () => {
    await using world = await open();
    const { store } = world;
    for (const tenant of ["blue", "red"])
      for (const repo_url of ["https://h/a", "https://h/b"])
        for (const profile of ["code", "review"]) await queue(store, { tenant, job: { repo_url, profile } });
    await take(store);
    const count = async (query: Omit<JobQuery, "limit">) => (await store.list({ limit: 100, ...query })).jobs.length;

    expect(await count({})).toBe(8);
    expect(await count({ tenant: "blue" })).toBe(4);
    expect(await count({ status: "running" })).toBe(1);
    expect(await count({ status: "queued" })).toBe(7);
    expect(await count({ status: "expired" })).toBe(0);
    expect(await count({ repo_url: "https://h/a" })).toBe(4);
    expect(await count({ profile: "review" })).toBe(4);
    expect(await count({ tenant: "red", profile: "review" })).toBe(2);
    expect(await count({ tenant: "blue", status: "queued" })).toBe(3);
    expect(await count({ tenant: "blue", status: "queued", repo_url: "https://h/a", profile: "code" })).toBe(0);
    expect(await count({ tenant: "blue", status: "running", repo_url: "https://h/a", profile: "code" })).toBe(1);
    expect(await count({ repo_url: "https://h/a' OR 1=1 --" })).toBe(0);
  });

  test("rows are whole but for output and result", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { job: { repo_url: "https://h/a" } });
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, patch: { branch: "b", output: "long" } });
    const { output, ...job } = await store.finish(held, { status: "succeeded", patch: { cost_usd: 1 } });

    expect(output).toBe("long");
    expect((await store.list({ limit: 1 })).jobs).toEqual([job]);
    expect(job).toMatchObject({ id, branch: "b", cost_usd: 1 });
  });

  test("a cursor that the store did not give out is refused", async () => {
    await using world = await open();
    const { store } = world;
    for (let n = 0; n < 3; n += 1) await queue(store);
    const { next = "" } = await store.list({ limit: 1 });

    for (const cursor of ["", "1", "zz", "2-", "-", "1-00000000", `${next}x`, next.slice(0, -1), "99999999"])
      await refused(store.list({ limit: 1, cursor }), "invalid_request");
  });

  test("counts are by status, and by pool what waits and how long", async () => {
    await using world = await open();
    const { store } = world;
    expect(await store.counts()).toEqual({ byStatus: {}, pools: [] });
    await queue(store);
    await queue(store, { job: { pool: "gpu" } });
    await store.finish((await take(store)).lease, { status: "failed", patch: {} });
    await queue(store);
    const held = await take(store);
    await world.advance(5_000);
    await store.release(held.lease, { reason: "drained" });
    await queue(store);
    await world.advance(2_000);

    const { byStatus, pools } = await store.counts();
    expect(byStatus).toEqual({ queued: 3, failed: 1 });
    expect(pools.map(({ pool, queued, oldestAgeSeconds }) => [pool, queued, Math.round(oldestAgeSeconds)])).toEqual([
      ["default", 2, 2],
      ["gpu", 1, 7],
    ]);
  });
}
