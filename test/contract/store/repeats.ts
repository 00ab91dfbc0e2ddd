import { expect, test } from "vitest";
import type { NewEvent } from "../../../shared/event.ts";
import type { JobId } from "../../../shared/job.ts";
import type { JobStore } from "../../../shared/store.ts";
import { seeded } from "../../support/random.ts";
import { lease, type OpenWorld, queue, read, take, told } from "./store-world.ts";

const said = (...texts: readonly (string | number)[]): NewEvent[] =>
  texts.map((text) => ({ type: "claude.said", data: { text: `${text}` } }));

/** What Claude said, as the log has it. */
async function heard(store: JobStore, id: JobId): Promise<unknown[]> {
  const { events } = await store.events(id, {});
  return events.filter(({ type }) => type === "claude.said").map(({ data }) => data["text"]);
}

/** A runner that had no reply tells again what it told: the store knows by the count. */
export function repeatsContract(open: OpenWorld): void {
  test("a renewal that is sent twice appends its events once, and does all else again", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const renewal = { leaseMs: lease, firstEvent: 0, events: said("a", "b"), patch: { cost_usd: 1 } };
    await store.renew(held, renewal);
    await world.advance(lease - 1_000);
    await store.cancel(id, { name: "ada" });

    expect(await store.renew(held, renewal)).toMatchObject({ cancel: { by: "ada" } });
    expect(await heard(store, id)).toEqual(["a", "b"]);
    await world.advance(lease - 1_000);
    expect(await store.sweep()).toEqual([]);
    expect(await read(store, id)).toMatchObject({ status: "running", cost_usd: 1 });
  });

  test("of a batch that begins with what the store has, it appends the rest, in order", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, firstEvent: 0, events: said("a", "b") });
    await store.renew(held, { leaseMs: lease, firstEvent: 1, events: said("b", "c", "d") });
    await store.renew(held, { leaseMs: lease, firstEvent: 0, events: said("a", "b", "c") });
    await store.renew(held, { leaseMs: lease, firstEvent: 4, events: said("e") });

    expect(await heard(store, id)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("a renewal without events, or with a count ahead of what the store has, loses nothing", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, firstEvent: 0 });
    await store.renew(held, { leaseMs: lease, firstEvent: 3, events: said("d", "e") });
    await store.renew(held, { leaseMs: lease, firstEvent: 5 });
    await store.renew(held, { leaseMs: lease, firstEvent: 4, events: said("e", "f") });

    expect(await heard(store, id)).toEqual(["d", "e", "f"]);
  });

  test("what comes without a count is appended each time", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    for (let n = 0; n < 2; n += 1) await store.renew(held, { leaseMs: lease, events: said("a") });

    expect(await heard(store, id)).toEqual(["a", "a"]);
  });

  test("the store's own events do not count", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, firstEvent: 0, events: said("a"), patch: { phase: "cloning" } });
    await store.cancel(id, { name: "ada" });
    await store.renew(held, { leaseMs: lease, firstEvent: 1, events: said("b"), patch: { phase: "preparing" } });

    const types = ["claude.said", "phase.changed", "cancel.requested", "claude.said", "phase.changed"];
    expect((await told(store, id)).slice(2)).toEqual(types);
  });

  test("a phase that an event of the same renewal tells of is told once, also when it is sent again", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const own = { type: "phase.changed", data: { phase: "preparing" } } as const;
    const renewal = { leaseMs: lease, firstEvent: 0, events: [own], patch: { phase: "preparing" } } as const;
    for (let n = 0; n < 2; n += 1) await store.renew(held, renewal);

    expect((await told(store, id)).filter((type) => type === "phase.changed")).toHaveLength(1);
  });

  test.each(["finish", "release"] as const)("%s leaves out what a renewal told whose reply was lost", async (how) => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, { leaseMs: lease, firstEvent: 0, events: said("a", "b") });
    const last = { firstEvent: 1, events: said("b", "c"), patch: { output: "x" } };
    if (how === "finish") await store.finish(held, { status: "succeeded", ...last });
    else await store.release(held, { reason: "drained", ...last });

    expect(await heard(store, id)).toEqual(["a", "b", "c"]);
    expect((await told(store, id)).at(-1)).toBe(how === "finish" ? "job.succeeded" : "job.queued");
  });

  test("a finish sent again appends nothing, whatever it counts", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const ending = { status: "succeeded", patch: {}, firstEvent: 0, events: said("a") } as const;
    await store.finish(held, ending);
    await store.finish(held, { ...ending, firstEvent: 5 });

    expect(await told(store, id)).toEqual(["job.queued", "job.claimed", "claude.said", "job.succeeded"]);
  });

  test.each(["drained", "crashed"] as const)("the attempt after one that was %s counts anew", async (reason) => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const first = await take(store);
    await store.renew(first.lease, { leaseMs: lease, firstEvent: 0, events: said("a", "b") });
    await store.release(first.lease, { reason, firstEvent: 2, events: said("c") });
    const second = await take(store);
    await store.renew(second.lease, { leaseMs: lease, firstEvent: 0, events: said("d") });

    expect(await heard(store, id)).toEqual(["a", "b", "c", "d"]);
  });

  test("so does the attempt after a lost lease, and after a retry", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const first = await take(store);
    await store.renew(first.lease, { leaseMs: lease, firstEvent: 0, events: said("a") });
    await world.advance(lease);
    const second = await take(store);
    await store.finish(second.lease, { status: "failed", patch: {}, firstEvent: 0, events: said("b") });
    await store.retry(id);
    const third = await take(store);
    await store.renew(third.lease, { leaseMs: lease, firstEvent: 0, events: said("c") });

    expect(await heard(store, id)).toEqual(["a", "b", "c"]);
  });

  test("a claim asked for again does not begin to count anew", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const request = { claimId: "6f6b7c0e-6d0e-4b3e-9a57-0b3b7a3d2f11" };
    const { lease: held } = await take(store, request);
    await store.renew(held, { leaseMs: lease, firstEvent: 0, events: said("a") });
    await take(store, request);
    await store.renew(held, { leaseMs: lease, firstEvent: 0, events: said("a", "b") });

    expect(await heard(store, id)).toEqual(["a", "b"]);
  });

  test.each([1, 2, 3, 4])(
    "whichever replies are lost, each event is there once, in its order (seed %i)",
    async (seed) => {
      await using world = await open();
      const { store } = world;
      const random = seeded(seed);
      const id = await queue(store);
      const { lease: held } = await take(store);
      let [made, known] = [0, 0];
      for (let step = 0; step < 40; step += 1) {
        made += random.below(4);
        // Nothing, or some of what was made, from what the runner knows the store to have.
        const upTo = known + random.below(made - known + 1);
        const events = said(...Array.from({ length: upTo - known }, (_, n) => known + n));
        const isLostOnTheWay = random.below(4) === 0;
        if (!isLostOnTheWay) await store.renew(held, { leaseMs: lease, firstEvent: known, events });
        if (!isLostOnTheWay && random.below(3) > 0) known = upTo;
      }
      const events = said(...Array.from({ length: made - known }, (_, n) => known + n));
      await store.finish(held, { status: "succeeded", patch: {}, firstEvent: known, events });

      expect(await heard(store, id)).toEqual(Array.from({ length: made }, (_, n) => `${n}`));
    },
  );
}
