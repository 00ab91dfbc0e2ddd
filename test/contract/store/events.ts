import { expect, test } from "vitest";
import type { JobEvent, NewEvent } from "../../../shared/event.ts";
import type { JobId } from "../../../shared/job.ts";
import type { JobStore } from "../../../shared/store.ts";
import { aJobId } from "../../support/a-job.ts";
import { lease, type OpenWorld, queue, refused, take } from "./store-world.ts";

const said = (text: string): NewEvent => ({ type: "claude.said", data: { text } });

/** All pages behind the cursor, as a follower reads them. */
async function follow(store: JobStore, id: JobId, { after, limit = 500 }: { after?: string; limit?: number } = {}) {
  const all: JobEvent[] = [];
  let cursor = after;
  for (;;) {
    const page = await store.events(id, { limit, ...(cursor === undefined ? {} : { after: cursor }) });
    all.push(...page.events);
    if (page.events.length < limit) return { all, next: page.next };
    if (page.next === undefined) return { all, next: page.next };
    cursor = page.next;
  }
}
const texts = (events: readonly JobEvent[]) =>
  events.filter((event) => event.type === "claude.said").map((event) => event.data["text"]);

export function eventsContract(open: OpenWorld): void {
  test("a follower that resumes behind any event misses none and sees none twice", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, events: Array.from({ length: 20 }, (_, n) => said(`${n}`)) });
    await store.finish(held, { status: "succeeded", patch: {} });
    const { all } = await follow(store, id);

    expect(all).toHaveLength(23);
    expect(new Set(all.map((event) => event.id)).size).toBe(23);
    for (const [n, event] of all.entries()) {
      const rest = await follow(store, id, { after: event.id, limit: 7 });
      expect(rest.all).toEqual(all.slice(n + 1));
    }
  });

  test("pages are as long as asked, at most 500; next is the last event's id, and absent at a terminal job's end", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, events: Array.from({ length: 1_100 }, (_, n) => said(`${n}`)) });

    const page = await store.events(id, { limit: 3 });
    expect(page.events).toHaveLength(3);
    expect(page.next).toBe(page.events[2]?.id);
    expect((await store.events(id, {})).events).toHaveLength(500);
    expect((await store.events(id, { limit: 10_000 })).events).toHaveLength(500);
    const live = await follow(store, id);
    expect(live.next).toBe(live.all.at(-1)?.id);
    expect(await store.events(id, { after: live.next ?? "" })).toEqual({ events: [], next: live.next });

    await store.finish(held, { status: "succeeded", patch: {} });
    const rest = await store.events(id, { after: live.next ?? "" });
    expect(rest.events.map((event) => event.type)).toEqual(["job.succeeded"]);
    expect(rest).not.toHaveProperty("next");
    expect(await store.events(id, { after: rest.events[0]?.id ?? "" })).toEqual({ events: [] });
    const half = await store.events(id, { limit: 500 });
    expect(half.next).toBe(half.events.at(-1)?.id);
  });

  test("a retried job's log goes on behind its ending", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    await store.finish((await take(store)).lease, { status: "failed", patch: {} });
    const last = (await follow(store, id)).all.at(-1)?.id ?? "";
    await store.retry(id);

    const page = await store.events(id, { after: last });
    expect(page.events).toMatchObject([{ type: "job.queued", data: { reason: "retry" } }]);
    expect(page.next).toBe(page.events[0]?.id);
  });

  test("a cursor that was not issued for this job is refused", async () => {
    await using world = await open();
    const { store } = world;
    const [id, other] = [await queue(store), await queue(store)];
    const [own] = (await store.events(id, {})).events;
    const [theirs] = (await store.events(other, {})).events;
    const ahead = own?.id.replace("1", "2") ?? "";

    for (const after of [
      theirs?.id ?? "",
      "",
      "0",
      "1",
      "nonsense",
      "-1",
      "99999999999",
      ahead,
      `${own?.id} `,
      "$",
      "0-0",
    ])
      await refused(store.events(id, { after }), "invalid_request");
    await refused(store.events(aJobId(), {}), "not_found");
  });

  test("5,000 events are kept; what was older is one entry at the head that says how many", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    for (let batch = 0; batch < 12; batch += 1)
      await store.renew(held, {
        leaseMs: lease,
        events: Array.from({ length: 500 }, (_, n) => said(`${batch * 500 + n}`)),
      });

    const { all } = await follow(store, id);

    const [head, ...rest] = all;
    expect(head).toMatchObject({ type: "log.dropped", data: { count: 1_002 } });
    expect(rest).toHaveLength(5_000);
    expect(texts(rest)).toEqual(Array.from({ length: 5_000 }, (_, n) => `${n + 1_000}`));
    expect(all.filter((event) => event.type === "log.dropped")).toHaveLength(1);
    await store.renew(held, { leaseMs: lease, events: [said("6000")] });
    const after = (await follow(store, id)).all;
    expect(after[0]).toMatchObject({ type: "log.dropped", data: { count: 1_003 } });
    expect(texts(after)).toEqual(Array.from({ length: 5_000 }, (_, n) => `${n + 1_001}`));
  });

  test("8 MiB of events are kept, and the newest whatever its size", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const mebi = "x".repeat(1024 * 1024);
    for (let n = 0; n < 12; n += 1) await store.renew(held, { leaseMs: lease, events: [said(`${n}${mebi}`)] });

    const { all } = await follow(store, id);
    const bytes = all.reduce((sum, event) => sum + JSON.stringify(event.data).length, 0);
    expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024 + 200);
    expect(all[0]?.type).toBe("log.dropped");
    expect(Number(all[0]?.data["bytes"])).toBeGreaterThan(4 * 1024 * 1024);
    expect(texts(all)).toHaveLength(7);

    await store.renew(held, { leaseMs: lease, events: [said(mebi.repeat(9))] });
    expect((await follow(store, id)).all.map((event) => event.type)).toEqual(["log.dropped", "claude.said"]);
  });

  test("a follower that fell behind what is kept is told so; one that did not is not", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const many = (n: number) => Array.from({ length: n }, (_, index) => said(`${index}`));
    await store.renew(held, { leaseMs: lease, events: many(1_000) });
    const early = (await store.events(id, { limit: 10 })).next ?? "";
    const late = (await follow(store, id)).next ?? "";
    await store.renew(held, { leaseMs: lease, events: many(4_500) });

    const behind = await follow(store, id, { after: early });
    expect(behind.all[0]).toMatchObject({ type: "log.dropped", data: { count: 502 } });
    expect(behind.all).toHaveLength(5_001);
    const uptodate = await follow(store, id, { after: late });
    expect(uptodate.all).toHaveLength(4_500);
    expect(uptodate.all.every((event) => event.type === "claude.said")).toBe(true);
  });
}
