import { expect, test } from "vitest";
import { keepLease } from "../../runner/keep-lease.ts";
import { stopReason } from "../../runner/stop.ts";
import type { NewEvent } from "../../shared/event.ts";
import { silentLog } from "../../shared/log.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";
import { unsteady } from "../support/unsteady-store.ts";

/** The lease as it is without configuration. */
const times = { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 };
const said = (text: string): NewEvent => ({ type: "claude.said", data: { text } });

/** A job that its runner holds, and time that passes under it with something to tell in each 10 s. */
async function aHeldJob() {
  const world = await sqliteWorld();
  const { clock } = world;
  const { store, link } = unsteady(world.store);
  const { job } = await world.store.submit(aNewJob());
  const claim = await world.store.claim(aClaim({ leaseMs: times.leaseMs }));
  if (!claim) throw new Error("there was a job to claim");
  const keeper = keepLease(
    { claim, sentAt: clock.uptime() },
    { store, clock, log: silentLog, random: () => 0.5 },
    times,
  );
  let words = 0;
  return {
    ...{ keeper, link, clock, job, claim, truth: world.store },
    /** @returns when the job was given up, in milliseconds since the call. */
    pass: async (ms: number): Promise<number | undefined> => {
      for (let passed = 0; passed < ms; passed += 2_500) {
        if (keeper.signal.aborted) return passed;
        if (passed % 10_000 === 0) keeper.emit(said(`${words++}`));
        await eventually(() => clock.sleepers() > 0 || keeper.signal.aborted);
        clock.advance(2_500);
        await new Promise((done) => setImmediate(done));
      }
      return undefined;
    },
    told: async () => (await world.store.events(job.id, {})).events.flatMap(({ data }) => data["text"] ?? []),
    words: () => Array.from({ length: words }, (_, n) => `${n}`),
    [Symbol.asyncDispose]: async () => {
      await keeper.end();
      await world[Symbol.asyncDispose]();
    },
  };
}

test.each([
  ["10 s", 10_000, "away"],
  ["10 s, in which answers are lost", 10_000, "deaf"],
  ["4 minutes", 240_000, "away"],
  ["4 minutes, in which answers are lost", 240_000, "deaf"],
] as const)(
  "an outage of %s ends no job, and what happened meanwhile is told once and in its order",
  async (_, ms, how) => {
    await using held = await aHeldJob();
    await held.pass(60_000);
    held.link.is = how;
    expect(await held.pass(ms)).toBeUndefined();
    held.link.is = "up";
    await held.pass(30_000);
    await held.keeper.flush();

    expect(held.keeper.signal.aborted).toBe(false);
    expect(held.keeper.grant().softAt - held.clock.uptime()).toBeGreaterThan(0.8 * times.leaseMs - 30_000);
    expect(await held.told()).toEqual(held.words());
  },
);

test("an outage of 10 minutes ends the job 288 s after the last answered renewal, before anybody else may have it", async () => {
  await using held = await aHeldJob();
  await held.pass(60_000);
  const { softAt, hardAt } = held.keeper.grant();
  held.link.is = "away";
  const begun = held.clock.uptime();
  const endedMs = await held.pass(600_000);

  expect(stopReason(held.keeper.signal)).toBe("lease-lost");
  expect(begun + (endedMs ?? 0) - softAt).toBeLessThanOrEqual(5_000);
  expect(softAt).toBeLessThan(hardAt);
  // Nobody gets the job while its processes may live.
  expect(await held.truth.claim(aClaim({ runner: "box-2/b1" }))).toBeUndefined();
  held.clock.advance(hardAt - held.clock.uptime());
  expect(await held.truth.claim(aClaim({ runner: "box-2/b1" }))).toBeUndefined();
  held.clock.advance(0.15 * times.leaseMs + 1);
  expect((await held.truth.claim(aClaim({ runner: "box-2/b1" })))?.job.id).toBe(held.job.id);
});

test("a job that was ended by an outage is given back as soon as the store is there, with what it had to tell", async () => {
  await using held = await aHeldJob();
  held.link.is = "away";
  await held.pass(600_000);
  held.link.is = "up";
  const left = await held.keeper.end();
  await held.truth.release(held.claim.lease, { ...left, reason: "lease_lost" });
  expect(await held.truth.get(held.job.id)).toMatchObject({ status: "queued", attempts: [{ reason: "lease_lost" }] });
  expect(await held.told()).toEqual(held.words());
});
