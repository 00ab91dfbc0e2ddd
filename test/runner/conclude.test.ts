import { expect, test } from "vitest";
import { type Conclusion, spentBefore } from "../../runner/conclude.ts";
import { keepLease } from "../../runner/keep-lease.ts";
import { openInstance } from "../../runner/process/instance.ts";
import { reportEnd } from "../../runner/report-end.ts";
import { AppError } from "../../shared/error.ts";
import type { NewEvent } from "../../shared/event.ts";
import { silentLog } from "../../shared/log.ts";
import type { JobStore } from "../../shared/store.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import { somePlaces } from "../support/some-places.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

const times = { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 };
const said = (text: string): NewEvent => ({ type: "claude.said", data: { text } });

/** An attempt whose last words are told while the store's answers do not arrive, or its calls do not. */
async function endUnder(fault: "before" | "after", conclusion: Conclusion, lostCalls: number) {
  const world = await sqliteWorld();
  const { store, clock } = world;
  const { job } = await store.submit(aNewJob());
  const claim = await store.claim(aClaim({ leaseMs: times.leaseMs }));
  if (!claim) throw new Error("there was a job to claim");
  let left = 0;
  const lossy = async <T>(call: () => Promise<T>): Promise<T> => {
    if (left === 0) return await call();
    left -= 1;
    if (fault === "after") await call();
    throw new AppError("store_unavailable", "the store is away");
  };
  const watched: JobStore = {
    ...store,
    renew: (lease, request) => lossy(() => store.renew(lease, request)),
    finish: (lease, ending) => lossy(() => store.finish(lease, ending)),
    release: (lease, release) => lossy(() => store.release(lease, release)),
  };
  const places = somePlaces(world.dir);
  await using me = await openInstance(places.runs, "box-1/a1");
  const { identity } = me;
  const deps = { ...{ store: watched, clock, log: silentLog, random: () => 0.5 }, times, places, identity };
  const keeper = keepLease({ claim, sentAt: clock.uptime() }, deps, times);
  keeper.emit(said("one"));
  await keeper.flush();
  keeper.emit(said("two"));
  left = lostCalls;
  await expect(keeper.flush()).rejects.toThrow("away");
  keeper.emit(said("three"));
  let over = false;
  const stop = new AbortController().signal;
  const last = { claim, tidy: async () => undefined, left: await keeper.end(), log: silentLog, stop };
  const ending = reportEnd(conclusion, last, deps).finally(() => {
    over = true;
  });
  await eventually(() => {
    clock.advance(250);
    return over;
  });
  await ending;
  const { events } = await store.events(job.id, {});
  await world[Symbol.asyncDispose]();
  return events.map(({ type, data }) => data["text"] ?? type);
}

const finish: Conclusion = { finish: { status: "succeeded", patch: {}, events: [said("four")] } };
const release: Conclusion = { release: { reason: "drained", events: [said("four")] } };
const all = ["job.queued", "job.claimed", "one", "two", "three", "four"];

test.each(["before", "after"] as const)(
  "an end that is tried again tells each event once, where calls were lost %s they were done",
  async (fault) => {
    for (const lost of [1, 2, 3]) expect(await endUnder(fault, finish, lost)).toEqual([...all, "job.succeeded"]);
  },
);

test("what is given back tells each event once, where calls were lost", async () => {
  for (const lost of [1, 2, 3]) expect(await endUnder("before", release, lost)).toEqual([...all, "job.queued"]);
});

test("what was given back although the reply was lost is not given back again", async () => {
  for (const lost of [1, 2]) expect(await endUnder("after", release, lost)).toEqual([...all, "job.queued"]);
});

test("where earlier attempts have spent the whole budget, all that is left is to hand their work over as a draft", () => {
  const verdict = spentBefore(new AppError("budget_exceeded", "It was used up."));
  expect(verdict).toMatchObject({ status: "failed", error_code: "budget_exceeded", draft: true, cost_usd: 0 });
  const other = new AppError("disk_full", "The disk is full.");
  expect(() => spentBefore(other)).toThrow(other);
});
