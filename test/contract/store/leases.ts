import { expect, test } from "vitest";
import { aMessage } from "../../support/a-job.ts";
import { lease, leaseLost, type OpenWorld, queue, read, take, told } from "./store-world.ts";

const usage = {
  input_tokens: 10,
  output_tokens: 20,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

export function leasesContract(open: OpenWorld): void {
  test("a renewal keeps the job for its whole length again", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const claim = await take(store);
    for (let n = 0; n < 3; n += 1) {
      await world.advance(lease - 1_000);
      await store.renew(claim.lease, { leaseMs: lease });
    }
    await world.advance(lease - 1_000);

    expect(await store.sweep()).toEqual([]);
    expect(await read(store, id)).toMatchObject({ status: "running", attempt: 1 });
  });

  test("W-12: a renewal merges its patch into the job and leaves the rest", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);

    await store.renew(held, { leaseMs: lease, patch: { branch: "agenticore-1", cost_usd: 0.1, output: "so far" } });
    await store.renew(held, { leaseMs: lease, patch: { cost_usd: 0.2, usage, warnings: ["one"] } });

    const seen = { branch: "agenticore-1", cost_usd: 0.2, usage, warnings: ["one"], output: "so far" };
    expect(await read(store, id)).toMatchObject({ ...seen, task: "Add a test" });
  });

  test("a renewal appends its events in their order, as the attempt's", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await store.renew(held, {
      leaseMs: lease,
      events: [
        { type: "claude.said", data: { text: "a" } },
        { type: "tool.started", data: { tool: "Bash", tool_use_id: "t1", input: "{}" } },
      ],
    });

    const { events } = await store.events(id, {});
    expect(events.slice(2)).toMatchObject([
      { type: "claude.said", attempt: 1, data: { text: "a" } },
      { type: "tool.started", attempt: 1, data: { tool: "Bash", tool_use_id: "t1", input: "{}" } },
    ]);
  });

  test("a new phase is told of once, behind the events that came with it", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const said = { type: "claude.said", data: { text: "a" } } as const;
    await store.renew(held, { leaseMs: lease, patch: { phase: "cloning" }, events: [said] });
    await store.renew(held, { leaseMs: lease, patch: { phase: "cloning", cost_usd: 1 } });
    const own = { type: "phase.changed", data: { phase: "preparing" } } as const;
    await store.renew(held, { leaseMs: lease, patch: { phase: "preparing" }, events: [own, said] });

    const types = ["job.queued", "job.claimed", "claude.said", "phase.changed", "phase.changed", "claude.said"];
    expect(await told(store, id)).toEqual(types);
    const { events } = await store.events(id, {});
    expect([events[3]?.data, events[4]?.data]).toEqual([{ phase: "cloning" }, { phase: "preparing" }]);
    expect(await read(store, id)).toMatchObject({ phase: "preparing" });
  });

  test("a renewal brings messages until Claude has taken them up, and tells of that", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const [one, two] = [aMessage({ text: "one" }), aMessage({ text: "two" })];
    await store.addMessage(id, one);
    await store.addMessage(id, two);

    expect((await store.renew(held, { leaseMs: lease })).messages).toEqual([one, two]);
    expect((await store.renew(held, { leaseMs: lease, delivered: [one.id] })).messages).toEqual([two]);
    expect((await store.renew(held, { leaseMs: lease, delivered: [one.id] })).messages).toEqual([two]);
    const { events } = await store.events(id, {});
    expect(events.filter((event) => event.type === "message.delivered").map((event) => event.data)).toEqual([
      { message_id: one.id },
    ]);
  });

  test("a message that is sent again after Claude took it up is known: it is not given again, nor told of", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const first = await take(store);
    const [one, two] = [aMessage({ text: "one" }), aMessage({ text: "two" })];
    await store.addMessage(id, one);
    await store.renew(first.lease, { leaseMs: lease, delivered: [one.id] });
    await store.addMessage(id, one);
    await store.addMessage(id, two);
    expect((await store.renew(first.lease, { leaseMs: lease, delivered: [one.id] })).messages).toEqual([two]);
    await store.release(first.lease, { reason: "drained" });
    await store.addMessage(id, one);

    expect((await take(store)).messages).toEqual([two]);
    const types = await told(store, id);
    expect(types.filter((type) => type === "message.received")).toHaveLength(2);
    expect(types.filter((type) => type === "message.delivered")).toHaveLength(1);
  });

  test("messages that were not taken up come again with the next attempt", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const first = await take(store);
    const message = aMessage();
    await store.addMessage(id, message);
    await store.renew(first.lease, { leaseMs: lease });
    await store.release(first.lease, { reason: "drained" });

    expect((await take(store)).messages).toEqual([message]);
  });

  test("a renewal tells of a cancel, each time until the job ends", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    expect((await store.renew(held, { leaseMs: lease })).cancel).toBeUndefined();
    await store.cancel(id, { name: "ada" });

    const { cancel } = await store.renew(held, { leaseMs: lease });
    expect(cancel).toMatchObject({ by: "ada" });
    expect((await store.renew(held, { leaseMs: lease })).cancel).toEqual(cancel);
    expect(await read(store, id)).toMatchObject({ status: "running", cancel_requested_at: cancel?.at });
  });

  test("a late renewal of a lease that nobody took over is granted", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    await world.advance(10 * lease);

    await store.renew(held, { leaseMs: lease });

    expect(await store.sweep()).toEqual([]);
    expect(await read(store, id)).toMatchObject({ status: "running", attempt: 1 });
  });

  test("whoever does not hold the lease can change nothing", async () => {
    await using world = await open();
    const { store } = world;
    const id = await queue(store);
    const { lease: held } = await take(store);
    const before = [await read(store, id), await store.events(id, {})];
    const said = { type: "claude.said", data: { text: "a" } } as const;

    for (const wrong of [
      { ...held, fence: 2 },
      { ...held, fence: 0 },
      { ...held, runner: "box-2/b" },
    ]) {
      await leaseLost(store.renew(wrong, { leaseMs: lease, patch: { output: "no" }, events: [said] }));
      await leaseLost(store.finish(wrong, { status: "succeeded", patch: {}, events: [said] }));
      await leaseLost(store.release(wrong, { reason: "drained" }));
      await leaseLost(store.saveSession(wrong, { id: "s", tenant: "local", job: id, runner: wrong.runner }));
    }
    expect([await read(store, id), await store.events(id, {})]).toEqual(before);
  });

  test("a lease ends with its job", async () => {
    await using world = await open();
    const { store } = world;
    await queue(store);
    const { lease: held } = await take(store);
    await store.finish(held, { status: "failed", patch: { error_code: "timeout" } });

    await leaseLost(store.renew(held, { leaseMs: lease, patch: { output: "no" } }));
    await leaseLost(store.release(held, { reason: "crashed" }));
  });
}
