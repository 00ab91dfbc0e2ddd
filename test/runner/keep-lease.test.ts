import { expect, test } from "vitest";
import { keepLease, type LeaseKeeper } from "../../runner/keep-lease.ts";
import { stopReason } from "../../runner/stop.ts";
import { AppError } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import type { Claim, JobStore, RenewRequest } from "../../shared/store.ts";
import { aClaim, aMessage, aNewJob } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

const times = { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 };

type Kept = AsyncDisposable &
  Readonly<{
    keeper: LeaseKeeper;
    clock: FakeClock;
    store: JobStore;
    claim: Claim;
    renewals: RenewRequest[];
    /** Renewals that were tried. */
    tries: () => number;
    /** The store is away until it is told to come back. */
    away: { now: boolean };
    /** The store answers once this is resolved. */
    gate: { open?: Promise<void> };
    /** The store does what it is asked, and its answers do not arrive. */
    deaf: { now: boolean };
  }>;

/** A job claimed from a real store, its lease kept on a clock that the test moves. */
async function aKeptLease(): Promise<Kept> {
  const opened = await sqliteWorld();
  const { store, clock } = opened;
  await store.submit(aNewJob());
  const claim = await store.claim(aClaim({ leaseMs: times.leaseMs }));
  if (!claim) throw new Error("there was a job to claim");
  const renewals: RenewRequest[] = [];
  let tries = 0;
  const gate: { open?: Promise<void> } = {};
  const away = { now: false };
  const deaf = { now: false };
  const watched: JobStore = {
    ...store,
    renew: async (lease, request) => {
      tries += 1;
      if (away.now) throw new AppError("store_unavailable", "the store is away");
      renewals.push(request);
      await gate.open;
      const renewal = await store.renew(lease, request);
      if (deaf.now) throw new AppError("store_unavailable", "the answer was lost");
      return renewal;
    },
  };
  const deps = { store: watched, clock, log: silentLog, random: () => 0.5 };
  const keeper = keepLease({ claim, sentAt: clock.uptime() }, deps, times);
  return {
    ...{ keeper, clock, store, claim, renewals, away, deaf, gate },
    tries: () => tries,
    [Symbol.asyncDispose]: async () => {
      await keeper.end();
      await opened[Symbol.asyncDispose]();
    },
  };
}

test("a lease is renewed every twelfth of its time, and each success moves the grant", async () => {
  await using kept = await aKeptLease();
  const first = kept.keeper.grant();
  const granted: number[] = [];
  kept.keeper.onGrant(({ softAt }) => granted.push(softAt));
  await eventually(() => kept.clock.sleepers() > 0);

  kept.clock.advance(30_000);
  await eventually(() => kept.renewals.length === 1);
  await eventually(() => granted.length === 1);

  expect(granted[0]).toBe(first.softAt + 30_000);
  expect(first.hardAt - first.softAt).toBe(0.05 * times.leaseMs);
});

test("what happens is written a second later, in one renewal", async () => {
  await using kept = await aKeptLease();
  kept.keeper.emit({ type: "claude.said", data: { text: "one" } });
  kept.keeper.emit({ type: "claude.said", data: { text: "two" } });
  kept.keeper.patch({ pid: 7 });
  expect(kept.renewals).toHaveLength(0);
  await eventually(() => kept.clock.sleepers() > 0);

  kept.clock.advance(1_001);
  await eventually(() => kept.renewals.length === 1);

  expect(kept.renewals[0]?.events?.map(({ type }) => type)).toEqual(["claude.said", "claude.said"]);
  expect((await kept.store.get(kept.claim.job.id))?.pid).toBe(7);
});

test("a phase is written at once", async () => {
  await using kept = await aKeptLease();
  kept.keeper.patch({ phase: "cloning" });
  await eventually(() => kept.renewals.length === 1);
  expect((await kept.store.get(kept.claim.job.id))?.phase).toBe("cloning");
});

test("what is said while a renewal is under way does not wait for the next ordinary one", async () => {
  await using kept = await aKeptLease();
  const answer = Promise.withResolvers<void>();
  kept.gate.open = answer.promise;
  await eventually(() => kept.clock.sleepers() > 0);
  kept.clock.advance(31_000);
  await eventually(() => kept.renewals.length === 1);
  kept.keeper.patch({ phase: "publishing" });
  answer.resolve();
  await eventually(() => kept.clock.sleepers() > 0);
  kept.clock.advance(1_000);
  await eventually(() => kept.renewals.length === 2);
  expect(kept.renewals[1]?.patch).toEqual({ phase: "publishing" });
});

test("64 KiB of events do not wait for the second to pass", async () => {
  await using kept = await aKeptLease();
  for (let count = 0; count < 9; count += 1)
    kept.keeper.emit({ type: "claude.said", data: { text: "x".repeat(8_000) } });
  await eventually(() => kept.renewals.length === 1);
  expect(kept.renewals[0]?.events).toHaveLength(9);
});

test("who makes events faster than the store takes them waits for it, but not for a store that is away", async () => {
  await using kept = await aKeptLease();
  const flood = () => {
    for (let count = 0; count < 40; count += 1)
      kept.keeper.emit({ type: "claude.said", data: { text: "x".repeat(8_000) } });
  };
  const never = new AbortController().signal;
  flood();
  await kept.keeper.room(never);
  expect(kept.renewals).toHaveLength(1);

  kept.away.now = true;
  flood();
  await expect(kept.keeper.flush()).rejects.toThrow("away");
  let waited = false;
  const room = kept.keeper.room(never).then(() => {
    waited = true;
  });
  await eventually(() => kept.clock.sleepers() > 2);
  expect(waited).toBe(false);
  kept.clock.advance(1_001);
  await room;
});

test("a cancel aborts the signal, with its reason, without waiting for the next renewal", async () => {
  await using kept = await aKeptLease();
  await kept.store.cancel(kept.claim.job.id, { name: "somebody" });
  await eventually(() => kept.keeper.signal.aborted);
  expect(stopReason(kept.keeper.signal)).toBe("cancelled");
});

test("a message is handed over once, also when it came before anybody listened", async () => {
  await using kept = await aKeptLease();
  const message = aMessage();
  await kept.store.addMessage(kept.claim.job.id, message);
  await eventually(() => kept.renewals.length > 0);
  await kept.keeper.flush();
  const heard: string[] = [];
  kept.keeper.onMessage(({ id }) => heard.push(id));
  await kept.keeper.flush();
  expect(heard).toEqual([message.id]);
});

test("a delivered message is taken off", async () => {
  await using kept = await aKeptLease();
  const message = aMessage();
  await kept.store.addMessage(kept.claim.job.id, message);
  kept.keeper.delivered(message.id);
  await kept.keeper.flush();
  const { events } = await kept.store.events(kept.claim.job.id, {});
  expect(events.at(-1)).toMatchObject({ type: "message.delivered", data: { message_id: message.id } });
});

test("while the store is away nothing that was to be written is lost, and it is written when it comes back", async () => {
  await using kept = await aKeptLease();
  kept.away.now = true;
  kept.keeper.emit({ type: "claude.said", data: { text: "kept" } });
  await expect(kept.keeper.flush()).rejects.toThrow("away");
  expect(kept.keeper.signal.aborted).toBe(false);

  kept.away.now = false;
  await eventually(() => kept.clock.sleepers() > 0);
  kept.clock.advance(6_000);
  await eventually(() => kept.renewals.length === 1);
  expect(kept.renewals[0]?.events).toMatchObject([{ type: "claude.said", data: { text: "kept" } }]);
});

test("a store that is away is asked every 5 s, whatever there is to write meanwhile", async () => {
  await using kept = await aKeptLease();
  kept.away.now = true;
  await expect(kept.keeper.flush()).rejects.toThrow("away");
  for (let second = 0; second < 20; second += 1) {
    kept.keeper.patch({ cost_usd: second });
    kept.keeper.delivered(`message ${second}`);
    kept.clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(kept.tries()).toBeGreaterThanOrEqual(4);
  expect(kept.tries()).toBeLessThanOrEqual(6);
});

test("what was told when the reply was lost is told again under the same count, so it is in the log once", async () => {
  await using kept = await aKeptLease();
  const say = (text: string) => kept.keeper.emit({ type: "claude.said", data: { text } });
  say("one");
  await kept.keeper.flush();
  kept.deaf.now = true;
  say("two");
  await expect(kept.keeper.flush()).rejects.toThrow("lost");
  say("three");
  await expect(kept.keeper.flush()).rejects.toThrow("lost");
  kept.deaf.now = false;
  say("four");
  await kept.keeper.flush();

  expect(kept.renewals.map(({ firstEvent, events }) => [firstEvent, events?.length])).toEqual([
    [0, 1],
    [1, 1],
    [1, 2],
    [1, 3],
  ]);
  const { events } = await kept.store.events(kept.claim.job.id, {});
  expect(events.flatMap(({ data }) => data["text"] ?? [])).toEqual(["one", "two", "three", "four"]);
});

test("without a successful renewal the lease counts as lost at 0.8 of its time", async () => {
  await using kept = await aKeptLease();
  kept.away.now = true;
  for (let elapsed = 0; elapsed < 0.8 * times.leaseMs; elapsed += 4_000) {
    expect(kept.keeper.signal.aborted).toBe(false);
    await eventually(() => kept.clock.sleepers() > 0);
    kept.clock.advance(4_000);
  }
  await eventually(() => kept.keeper.signal.aborted);
  expect(stopReason(kept.keeper.signal)).toBe("lease-lost");
});

test("a lease that another runner took over ends the work and changes nothing", async () => {
  await using kept = await aKeptLease();
  kept.clock.advance(times.leaseMs + 1);
  const successor = await kept.store.claim(aClaim({ runner: "box-2/b1", pod_name: "box-2" }));
  expect(successor?.lease.fence).toBe(kept.claim.lease.fence + 1);

  await expect(kept.keeper.flush()).rejects.toThrow("no longer leased");
  expect(stopReason(kept.keeper.signal)).toBe("lease-lost");
  expect((await kept.store.get(kept.claim.job.id))?.pod_name).toBe("box-2");
});

test("the end hands back what was not written", async () => {
  await using kept = await aKeptLease();
  kept.keeper.patch({ cost_usd: 0.5 });
  kept.keeper.emit({ type: "claude.said", data: { text: "last" } });
  expect(await kept.keeper.end()).toMatchObject({
    patch: { cost_usd: 0.5 },
    events: [{ type: "claude.said" }],
    firstEvent: 0,
  });
});
