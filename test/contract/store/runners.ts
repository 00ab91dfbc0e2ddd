import { expect, test } from "vitest";
import type { SessionRecord } from "../../../shared/store.ts";
import { aRunner } from "../../support/a-job.ts";
import { type OpenWorld, queue, refused, take } from "./store-world.ts";

const session = "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f10";

export function runnersContract(open: OpenWorld): void {
  test("a runner is seen as it said last, and no longer than 90 s after that", async () => {
    await using world = await open();
    const { store } = world;
    await store.announce(aRunner({ capacity: 1 }));
    const runner = aRunner({ capacity: 5 });
    expect(await store.announce(runner)).toEqual({ drain: false });
    expect(await store.runners()).toEqual([runner]);

    await world.advance(89_000);
    expect(await store.runners()).toHaveLength(1);
    await world.advance(1_000);
    expect(await store.runners()).toEqual([]);
    await store.sweep();
    await store.announce(runner);
    expect(await store.runners()).toHaveLength(1);
  });

  test("a runner that ends in order is gone at once", async () => {
    await using world = await open();
    const { store } = world;
    await store.announce(aRunner());
    await store.announce(aRunner({ id: "box-2/b", name: "box-2" }));
    await store.retire("box-1/a1");
    await store.retire("box-9/never");

    expect((await store.runners()).map((runner) => runner.id)).toEqual(["box-2/b"]);
  });

  test("every live runner of a name is told to drain, and only those", async () => {
    await using world = await open();
    const { store } = world;
    await store.announce(aRunner({ id: "box-1/old" }));
    await world.advance(90_000);
    const runners = [aRunner(), aRunner({ id: "box-1/a2" }), aRunner({ id: "box-2/b", name: "box-2" })];
    for (const runner of runners) await store.announce(runner);

    expect(await store.drain("box-1")).toBe(2);
    expect(await store.drain("box-3")).toBe(0);
    expect((await store.runners()).map((runner) => runner.draining)).toEqual([true, true, false]);
    expect(await Promise.all(runners.map((runner) => store.announce(runner)))).toEqual([
      { drain: true },
      { drain: true },
      { drain: false },
    ]);
  });

  test("a session is remembered with its owner, and moves on with its jobs", async () => {
    await using world = await open();
    const { store } = world;
    const job = await queue(store, { tenant: "blue", repoKey: "https://h/r" });
    const { lease: held } = await take(store);
    const record: SessionRecord = { id: session, tenant: "blue", repoKey: "https://h/r", job, runner: held.runner };

    expect(await store.findSession(session)).toBeUndefined();
    await store.saveSession(held, record);
    expect(await store.findSession(session)).toEqual(record);

    await store.finish(held, { status: "succeeded", patch: {} });
    const later = await queue(store, { tenant: "blue", repoKey: "https://h/r" });
    const next = await take(store, { runner: "box-2/b" });
    await store.saveSession(next.lease, { ...record, job: later, runner: "box-2/b" });
    expect(await store.findSession(session)).toEqual({ ...record, job: later, runner: "box-2/b" });
  });

  test("a session never passes to another tenant or repository", async () => {
    await using world = await open();
    const { store } = world;
    const job = await queue(store, { tenant: "blue" });
    const { lease: held } = await take(store);
    const record: SessionRecord = { id: session, tenant: "blue", job, runner: held.runner };
    await store.saveSession(held, record);

    await refused(store.saveSession(held, { ...record, tenant: "red" }), "session_not_found");
    await refused(store.saveSession(held, { ...record, repoKey: "https://h/r" }), "session_not_found");
    expect(await store.findSession(session)).toEqual(record);
  });

  test("a session that only the end of an attempt told of counts as used", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    await store.release((await take(store)).lease, { reason: "drained", patch: { session_id: session } });

    expect(await store.sessionUser(session)).toBe(id);
  });

  test("a session's user is the job that runs with it, else the first that waits, else nobody", async () => {
    await using world = await open();
    const { store } = world;
    expect(await store.sessionUser(session)).toBeUndefined();
    const waits = await queue(store, { job: { session_id: session } });
    const first = await queue(store, { job: { session_id: session, priority: 5 } });
    expect(await store.sessionUser(session)).toBe(waits);
    const { lease: held } = await take(store);
    expect(await store.sessionUser(session)).toBe(first);
    await store.finish(held, { status: "succeeded", patch: {} });
    expect(await store.sessionUser(session)).toBe(waits);
    await store.cancel(waits, { name: "ada" });
    expect(await store.sessionUser(session)).toBeUndefined();
  });
}
