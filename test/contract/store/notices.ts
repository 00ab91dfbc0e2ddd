import { expect, test } from "vitest";
import type { JobId } from "../../../shared/job.ts";
import type { Notice } from "../../../shared/notice-store.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aQuestion } from "../../support/a-job.ts";
import { waiting } from "./changes.ts";
import { hour, lease, minute, type OpenWorld, queue, read, settled, take } from "./store-world.ts";

const notify_url = "https://hooks.example/agenticore";
const wanted = (store: JobStore): Promise<JobId> => queue(store, { job: { notify_url } });
const due = (store: JobStore, limit = 100) => store.takeNotices({ limit, leaseMs: minute });
const typesOf = (notices: readonly Notice[]) => notices.map(({ event }) => event.type);
const only = ([first, ...more]: readonly Notice[]): Notice => {
  if (!first || more.length > 0) throw new Error(`one notice was expected: ${JSON.stringify([first, ...more])}`);
  return first;
};
const failed = { kind: "failed", error: "The receiver answered 500.", retryMs: 5_000 } as const;

/** Whom to tell of which event of a job, and what came of it. */
export function noticesContract(open: OpenWorld): void {
  test("the end of a job with a notify_url is a notice, with the event as the log has it; of other jobs there are none", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);
    const id = await wanted(store);
    expect(await due(store)).toEqual([]);
    for (let n = 0; n < 2; n += 1)
      await store.finish((await take(store)).lease, {
        status: "failed",
        patch: { error_code: "timeout", error: 'No "end"' },
      });
    const notice = only(await due(store));
    const { events } = await store.events(id, {});
    const last = events.at(-1);
    expect(last?.type).toBe("job.failed");
    expect(notice).toEqual({
      id: `msg_${id}_${events.length}`,
      ...{ job: id, url: notify_url, event: last, attempts: 0, take: 1, ageMs: expect.any(Number) },
    });
    expect((await read(store, id)).notify).toBeUndefined();
  });

  test("a wait, a cancel in the queue, an expiry and each end after a retry are notices, whoever makes them", async () => {
    await using world = await open();
    const { store } = world;
    const id = await wanted(store);
    const waiting = { reason: "usage_limit", until: "2126-03-01T13:00:00.000Z" };
    await store.release((await take(store)).lease, { reason: "waiting", delayMs: minute, waiting });
    const wait = only(await due(store));
    expect(wait.event).toMatchObject({ type: "job.delayed", attempt: 1, data: waiting });
    await world.advance(minute);
    const again = await take(store);
    await store.cancel(id, { name: "somebody" });
    await store.finish(again.lease, { status: "cancelled", patch: {} });
    await store.settleNotice(wait, { kind: "delivered" });
    await store.retry(id);
    await world.advance(25 * hour);
    await store.sweep();
    const cancelled = await wanted(store);
    await store.cancel(cancelled, { name: "somebody" });
    expect(typesOf(await due(store)).toSorted()).toEqual(["job.cancelled", "job.expired"]);
  });

  test("a lost attempt that ends a job is a notice too", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store, { job: { notify_url, max_attempts: 1 } });
    await take(store);
    await world.advance(lease + minute);
    await store.sweep();
    expect(typesOf(await due(store))).toEqual(["job.failed"]);
  });

  test("a question that a runner tells of is a notice at once, once; other events of a renewal are none", async () => {
    await using world = await open();
    const { store } = world;
    const id = await wanted(store);
    const claim = await take(store);
    const asked = aQuestion();
    const said = { type: "claude.said", data: { text: "Hello" } } as const;
    const events = [said, { type: "question.asked", data: asked }] as const;
    for (let n = 0; n < 2; n += 1) await store.renew(claim.lease, { leaseMs: lease, events, firstEvent: 0 });
    const notice = only(await due(store));
    expect(notice).toMatchObject({ job: id, event: { type: "question.asked", attempt: 1, data: asked } });
  });

  test("a notice is given to one process at a time, and to another one when that did not say what came of it", async () => {
    await using world = await open();
    const other = await world.another();
    for (let n = 0; n < 6; n += 1) await world.store.cancel(await wanted(world.store), { name: "somebody" });
    const takes = await Promise.all([world.store, other, world.store, other].map((store) => due(store, 2)));
    const ids = takes.flat().map(({ id }) => id);
    expect(ids).toHaveLength(6);
    expect(new Set(ids).size).toBe(6);
    await world.advance(minute - 1_000);
    expect(await due(other)).toEqual([]);
    await world.advance(2_000);
    const later = await due(other);
    expect(later.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(later.every(({ take, attempts }) => take === 2 && attempts === 0)).toBe(true);
  });

  test("what was delivered is gone, and the job says when and after how many requests", async () => {
    await using world = await open();
    const { store } = world;
    const id = await wanted(store);
    await store.cancel(id, { name: "somebody" });
    const first = only(await due(store));
    await store.settleNotice(first, failed);
    expect((await read(store, id)).notify).toEqual({ attempts: 1, delivered: 0, last_error: failed.error });
    expect(await due(store)).toEqual([]);
    await world.advance(5_001);
    const second = only(await due(store));
    expect(second).toMatchObject({ id: first.id, attempts: 1, take: 2 });
    expect(second.ageMs).toBeGreaterThanOrEqual(5_000);
    await store.settleNotice(second, { kind: "delivered" });
    await store.settleNotice(second, { kind: "delivered" });
    await store.settleNotice(first, failed);
    const { notify } = await read(store, id);
    expect(notify).toEqual({ attempts: 2, delivered: 1, delivered_at: expect.any(String) });
    expect(Date.parse(notify?.delivered_at ?? "")).toBeGreaterThan(0);
    expect((await store.list({ limit: 1 })).jobs[0]?.notify).toEqual(notify);
    await world.advance(25 * hour);
    expect(await due(store)).toEqual([]);
    expect(await store.noticeCounts()).toEqual({ waiting: 0, delivered: 1, failed: 1, given_up: 0 });
  });

  test("a failure counts only from whoever was given the notice last, a delivery from anybody", async () => {
    await using world = await open();
    const { store } = world;
    const id = await wanted(store);
    await store.cancel(id, { name: "somebody" });
    const slow = only(await due(store));
    await world.advance(minute + 1_000);
    only(await due(store));
    await store.settleNotice(slow, failed);
    expect((await read(store, id)).notify).toBeUndefined();
    await store.settleNotice(slow, { kind: "delivered" });
    expect((await read(store, id)).notify).toMatchObject({ attempts: 1, delivered: 1 });
    expect(await store.noticeCounts()).toMatchObject({ waiting: 0, delivered: 1 });
  });

  test("a receiver that wants no more is sent nothing more of this job, and the job says so", async () => {
    await using world = await open();
    const { store } = world;
    const id = await wanted(store);
    await store.release((await take(store)).lease, { reason: "waiting", delayMs: 1_000 });
    await world.advance(1_001);
    const claim = await take(store);
    const wait = only(await due(store));
    await store.finish(claim.lease, { status: "succeeded", patch: {} });
    await store.settleNotice(wait, { kind: "stopped", error: "The receiver answered 410." });
    expect(await due(store)).toEqual([]);
    await store.retry(id);
    await store.finish((await take(store)).lease, { status: "succeeded", patch: {} });
    await world.advance(2 * minute);
    expect(await due(store)).toEqual([]);
    expect(await read(store, id)).toMatchObject({
      notify_url,
      notify: { attempts: 1, delivered: 0, stopped: true, last_error: "The receiver answered 410." },
    });
    expect((await store.noticeCounts()).waiting).toBe(0);
  });

  test("notices that nobody is to be told of take no other's place", async () => {
    await using world = await open();
    const { store } = world;
    const unwanted = await wanted(store);
    await store.release((await take(store)).lease, { reason: "waiting", delayMs: 1_000 });
    await world.advance(1_001);
    const { lease: held } = await take(store);
    const wait = only(await due(store));
    await store.finish(held, { status: "succeeded", patch: {} });
    await store.settleNotice(wait, { kind: "stopped", error: "The receiver answered 410." });
    await world.advance(1);
    const id = await wanted(store);
    await store.cancel(id, { name: "somebody" });
    expect(only(await due(store, 1)).job).toBe(id);
    expect(id).not.toBe(unwanted);
  });

  test("after 24 h a notice is given up, by whoever sweeps, and the job says so; without a next time at once", async () => {
    await using world = await open();
    const { store } = world;
    const jobs = [];
    for (let n = 0; n < 2; n += 1) {
      const id = await queue(store, { job: { notify_url, ttl_seconds: 200_000 } });
      await store.cancel(id, { name: "somebody" });
      jobs.push(id);
    }
    const [last] = await due(store, 1);
    if (!last) throw new Error("there was nothing to send");
    await store.settleNotice(last, { kind: "failed", error: "The receiver answered 404." });
    const other = jobs.find((id) => id !== last.job);
    expect((await read(store, last.job)).notify).toEqual({
      ...{ attempts: 1, delivered: 0, given_up: 1, last_error: "The receiver answered 404." },
    });
    await world.advance(24 * hour + 1_000);
    await store.sweep();
    expect(await due(store)).toEqual([]);
    if (!other) throw new Error("both notices are of one job");
    expect((await read(store, other)).notify).toMatchObject({ attempts: 0, given_up: 1 });
    expect(await store.noticeCounts()).toEqual({ waiting: 0, delivered: 0, failed: 1, given_up: 2 });
  });

  test("whoever sends is told of a notice that anybody has made, and of nothing else", async () => {
    await using world = await open();
    const senders = [world.store, await world.another()];
    const waiters = () => senders.map((store) => waiting(store, { notices: true, timeoutMs: 9e9 }));
    // From then on they hear: before, nobody knows what was missed.
    for (const store of senders) await settled(world, store.changed({ notices: true, timeoutMs: 1_000 }));
    const first = waiters();
    await world.store.cancel(await queue(world.store), { name: "somebody" });
    const id = await wanted(world.store);
    const { lease: held } = await take(world.store);
    await world.store.renew(held, { leaseMs: lease, events: [{ type: "claude.said", data: { text: "Hello" } }] });
    await world.advance(1_000);
    for (const { woken } of first) expect(await woken()).toBe(false);
    await world.store.finish(held, { status: "succeeded", patch: {} });
    await settled(world, Promise.all(first.map(({ done }) => done)));
    expect(only(await due(world.store)).job).toBe(id);
  });

  test("a notice outlives its job", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store, { job: { notify_url, ttl_seconds: 60 } });
    await store.cancel(id, { name: "somebody" });
    await world.advance(2 * minute);
    await store.sweep();
    expect(await store.get(id)).toBeUndefined();
    const notice = only(await due(store));
    expect(notice).toMatchObject({ job: id, url: notify_url, event: { type: "job.cancelled" } });
    await store.settleNotice(notice, { kind: "delivered" });
    expect(await store.noticeCounts()).toMatchObject({ waiting: 0, delivered: 1 });
  });
}
