import { expect, test } from "vitest";
import type { JobStore } from "../../../shared/store.ts";
import { aClaim, aMessage, aNewJob, aRunner } from "../../support/a-job.ts";
import { lease, minute, type OpenWorld, queue, settled, take } from "./store-world.ts";

type What = Parameters<JobStore["changed"]>[0];

/** Starts to wait; `woken` says whether it is over, after what is already decided has had its turn. */
export function waiting(store: JobStore, what: What) {
  let over = false;
  const done = store.changed(what).then(() => {
    over = true;
  });
  const woken = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return over;
  };
  return { done, woken };
}

export function changesContract(open: OpenWorld): void {
  test("whoever waits for a job wakes when it changes, and not for another job", async () => {
    await using world = await open();
    const { store } = world;
    const [id, other] = [await queue(store), await queue(store)];
    const stop = new AbortController();
    const ours = waiting(store, { job: id, timeoutMs: minute });
    const theirs = waiting(store, { job: other, timeoutMs: minute, signal: stop.signal });
    await store.cancel(id, { name: "ada" });

    await settled(world, ours.done);
    expect(await theirs.woken()).toBe(false);
    stop.abort();
    await theirs.done;
  });

  test("each kind of change wakes who waits for the job, or for anything", async () => {
    await using world = await open();
    const { store } = world;
    const fresh = aNewJob();
    const { id: job } = fresh.job;
    const held = { job, runner: "box-1/a1", fence: 1 };
    const steps = [
      () => store.submit(fresh),
      () => store.claim(aClaim()),
      () => store.renew(held, { leaseMs: lease, patch: { cost_usd: 1 } }),
      () => store.renew(held, { leaseMs: lease, events: [{ type: "claude.said", data: { text: "x" } }] }),
      () => store.addMessage(job, aMessage()),
      () => store.cancel(job, { name: "ada" }),
      () => store.finish(held, { status: "cancelled", patch: {} }),
      () => store.retry(job),
      () => store.cancel(job, { name: "ada" }),
      async () => {
        await world.advance(fresh.job.ttl_seconds * 1_000);
        await store.sweep();
      },
    ];
    for (const step of steps) {
      const waiters = [waiting(store, { job, timeoutMs: 9e9 }), waiting(store, { timeoutMs: 9e9 })];
      await step();
      for (const waiter of waiters) await settled(world, waiter.done);
    }
  });

  test("another connection's changes wake too", async () => {
    await using world = await open();
    const other = await world.another();
    const { store } = world;
    const id = await queue(store);
    const waiters = [waiting(other, { job: id, timeoutMs: minute }), waiting(other, { timeoutMs: minute })];
    await store.cancel(id, { name: "ada" });

    for (const waiter of waiters) await settled(world, waiter.done);
  });

  test("a runner that waits for what others ask does not wake for its own renewals", async () => {
    await using world = await open();
    const { store } = world;
    const job = await queue(store);
    const { lease: held } = await take(store);
    const waiter = waiting(store, { job, control: true, timeoutMs: minute });
    await store.renew(held, {
      leaseMs: lease,
      patch: { cost_usd: 1 },
      events: [{ type: "claude.said", data: { text: "x" } }],
    });
    expect(await waiter.woken()).toBe(false);

    await store.addMessage(job, aMessage());
    await settled(world, waiter.done);
  });

  test("what others ask is told at once where no renewal has told of it, so that none falls between two waits", async () => {
    await using world = await open();
    const { store } = world;
    const job = await queue(store);
    const { lease: held } = await take(store);
    await store.cancel(job, { name: "ada" });
    const what = { job, control: true, timeoutMs: minute } as const;

    await settled(world, waiting(store, what).done);
    await store.renew(held, { leaseMs: lease });
    const stop = new AbortController();
    const quiet = waiting(store, { ...what, signal: stop.signal });
    expect(await quiet.woken()).toBe(false);
    stop.abort();
    await quiet.done;
  });

  test.each([
    ["cancels", (store: JobStore, job: Parameters<JobStore["cancel"]>[0]) => store.cancel(job, { name: "ada" })],
    ["sends a message", (store: JobStore, job: Parameters<JobStore["cancel"]>[0]) => store.addMessage(job, aMessage())],
    [
      "takes the job over",
      async (store: JobStore) => {
        await store.sweep();
        await store.claim(aClaim({ runner: "box-2/b" }));
      },
    ],
  ])("W-06: a runner learns that another process %s", async (_, step) => {
    await using world = await open();
    const other = await world.another();
    const { store } = world;
    const job = await queue(store);
    await take(store);
    await world.advance(lease);
    const waiter = waiting(store, { job, control: true, timeoutMs: 10 * lease });
    await step(other, job);

    await settled(world, waiter.done);
  });

  test("a runner that waits for what is asked of itself wakes when it is told to drain, from wherever, and for nothing else", async () => {
    await using world = await open();
    const other = await world.another();
    const { store } = world;
    const names = [
      ["box-1/a1", "box-1"],
      ["box-2/b1", "box-2"],
    ] as const;
    for (const [id, name] of names) await store.announce(aRunner({ id, name }));
    const stop = new AbortController();
    const [ours, theirs] = names.map(([runner]) =>
      waiting(store, { runner, timeoutMs: 60 * minute, signal: stop.signal }),
    );
    const job = await queue(other);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, patch: { cost_usd: 1 } });
    await other.cancel(job, { name: "ada" });
    for (const [id, name] of names) await store.announce(aRunner({ id, name, running: [job] }));
    await world.advance(1_000);
    expect(await ours?.woken()).toBe(false);

    expect(await other.drain("box-1")).toBe(1);
    await settled(world, ours?.done ?? Promise.reject(new Error("nobody waits")));
    expect(await theirs?.woken()).toBe(false);
    expect(await store.announce(aRunner())).toEqual({ drain: true });
    stop.abort();
    await theirs?.done;
  });

  test("a runner that was told to drain waits on, until its time is over", async () => {
    await using world = await open();
    const { store } = world;
    await store.announce(aRunner());
    await store.drain("box-1");
    await store.announce(aRunner());
    const waiter = waiting(store, { runner: "box-1/a1", timeoutMs: minute });
    expect(await waiter.woken()).toBe(false);

    await world.advance(minute);
    await settled(world, waiter.done);
  });

  test("waiting ends after its time, by its signal, and at once where that has come before", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { queueTtlSeconds: 1_000_000 });
    await settled(world, waiting(store, { job: id, timeoutMs: 100 }).done);
    await settled(world, waiting(store, { timeoutMs: 100 }).done);
    const stop = new AbortController();
    const waiter = waiting(store, { job: id, timeoutMs: minute, signal: stop.signal });
    expect(await waiter.woken()).toBe(false);
    stop.abort();
    await waiter.done;
    await store.changed({ job: id, timeoutMs: minute, signal: stop.signal });
  });

  test("an idle runner wakes when a delay ends, and when a lease does", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);
    await store.release((await take(store)).lease, { reason: "waiting", delayMs: 2_000 });
    await settled(world, waiting(store, { timeoutMs: 100 * minute }).done);
    await take(store, { leaseMs: 3_000 });
    await settled(world, waiting(store, { timeoutMs: 100 * minute }).done);
    await take(store);
  });

  test("a store that is closed lets go of who waits", async () => {
    await using world = await open();
    const other = await world.another();
    const waiter = waiting(other, { timeoutMs: minute });
    await other[Symbol.asyncDispose]();
    await waiter.done;
  });
}
