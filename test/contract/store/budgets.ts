import { expect, test } from "vitest";
import type { BudgetOrder } from "../../../shared/budget.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aNewJob } from "../../support/a-job.ts";
import { lease, type OpenWorld, queue, take } from "./store-world.ts";

const total = "total/2026-03-01";
const key = "key/blue/2026-03-01";
const order = (reserveUsd: number, facts: Partial<BudgetOrder> = {}): BudgetOrder => ({
  ...{ name: total, limitUsd: 10, reserveUsd },
  ...facts,
});
const stateOf = async (store: JobStore, name = total) => {
  const [state] = await store.budgets([name]);
  return state && [state.spentUsd, state.reservedUsd];
};
const noRoom = { code: "rate_limited", budget: total, freeAt: "2026-03-02T00:00:00Z" };

/** Money of a day: what jobs may still cost, and what they have. */
export function budgetsContract(open: OpenWorld): void {
  test("a job holds what it may cost until it ends, and then what it has cost is spent", async () => {
    await using world = await open();
    const { store } = world;
    expect(await store.budgets([total, key])).toEqual([
      { name: total, spentUsd: 0, reservedUsd: 0 },
      { name: key, spentUsd: 0, reservedUsd: 0 },
    ]);
    await queue(store, { budgets: [order(3), order(3, { name: key, limitUsd: 5 })] });
    expect(await stateOf(store)).toEqual([0, 3]);
    const claim = await take(store);
    await store.renew(claim.lease, { leaseMs: lease, patch: { cost_usd: 0.7 } });
    expect(await stateOf(store, key)).toEqual([0, 3]);
    const ending = { status: "succeeded", patch: { cost_usd: 1.25 } } as const;
    await store.finish(claim.lease, ending);
    await store.finish(claim.lease, ending);
    for (const name of [total, key]) expect(await stateOf(store, name)).toEqual([1.25, 0]);
  });

  test("a job that a budget has no room for is refused with the budget's name, nothing of it is there, and the others hold nothing", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store, { budgets: [order(6)] });
    const idempotency = { key: "again", body: "b" };
    const dear = aNewJob({ budgets: [order(1, { name: key }), order(4.000001)], idempotency });
    await expect(store.submit(dear)).rejects.toMatchObject({ ...noRoom, message: expect.stringContaining("6 USD") });
    expect(await store.get(dear.job.id)).toBeUndefined();
    expect(await stateOf(store)).toEqual([0, 6]);
    expect(await stateOf(store, key)).toEqual([0, 0]);
    const { replayed } = await store.submit({ ...dear, budgets: [order(4)] });
    expect(replayed).toBe(false);
    expect(await stateOf(store)).toEqual([0, 10]);
  });

  test("what is submitted twice is held once, and is not refused for want of room", async () => {
    await using world = await open();
    const { store } = world;
    const idempotency = { key: "k", body: "b" };
    const { job } = await store.submit(aNewJob({ idempotency, budgets: [order(7)] }));
    const again = await store.submit(aNewJob({ idempotency, budgets: [order(7)] }));
    expect(again).toMatchObject({ replayed: true, job: { id: job.id } });
    expect((await store.submit(aNewJob({ job: { id: job.id }, budgets: [order(7)] }))).replayed).toBe(true);
    expect(await stateOf(store)).toEqual([0, 7]);
  });

  test("of many submissions at once no more get in than there is room for", async () => {
    await using world = await open();
    const other = await world.another();
    const all = Array.from({ length: 20 }, (_, n) =>
      (n % 2 === 0 ? world.store : other).submit(aNewJob({ budgets: [order(1.5)] })),
    );
    const ends = await Promise.allSettled(all);
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(6);
    expect(await stateOf(world.store)).toEqual([0, 9]);
  });

  test("a job that is cancelled or expires in the queue gives back what it held", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { budgets: [order(3)] });
    await queue(store, { budgets: [order(4)], queueTtlSeconds: 60 });
    await store.cancel(id, { name: "somebody" });
    expect(await stateOf(store)).toEqual([0, 4]);
    await world.advance(61_000);
    await store.sweep();
    expect(await stateOf(store)).toEqual([0, 0]);
  });

  test("a job that is given back holds on; one that is lost for good, or cancelled then, has spent what it cost", async () => {
    await using world = await open();
    const { store } = world;
    const patch = { cost_usd: 0.5 };
    await queue(store, { budgets: [order(3)], job: { max_attempts: 1 } });
    await store.release((await take(store)).lease, { reason: "drained", patch });
    expect(await stateOf(store)).toEqual([0, 3]);
    await take(store);
    await world.advance(lease + 1_000);
    await store.sweep();
    expect(await stateOf(store)).toEqual([0.5, 0]);

    const id = await queue(store, { budgets: [order(2)] });
    const claim = await take(store);
    await store.cancel(id, { name: "somebody" });
    await store.release(claim.lease, { reason: "crashed", patch });
    expect(await stateOf(store)).toEqual([1, 0]);
  });

  test("a retry holds anew and spends only what it costs on top; without room it is refused and the job stays as it was", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { budgets: [order(3)] });
    await store.finish((await take(store)).lease, { status: "failed", patch: { cost_usd: 2 } });
    await expect(store.retry(id, undefined, { budgets: [order(9)] })).rejects.toMatchObject(noRoom);
    expect(await store.get(id)).toMatchObject({ status: "failed", cost_usd: 2 });
    await store.retry(id, undefined, { budgets: [order(3)] });
    expect(await stateOf(store)).toEqual([2, 3]);
    await store.finish((await take(store)).lease, { status: "succeeded", patch: { cost_usd: 2.75 } });
    expect(await stateOf(store)).toEqual([2.75, 0]);
    await store.retry(id, undefined, "publish");
    expect(await stateOf(store)).toEqual([2.75, 0]);
  });

  test("a job that costs more than it held has spent all of it", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store, { budgets: [order(1)] });
    await store.finish((await take(store)).lease, { status: "failed", patch: { cost_usd: 1.2 } });
    expect(await stateOf(store)).toEqual([1.2, 0]);
  });
}
