import { randomUUID } from "node:crypto";
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { claimLoop, type LoopOptions } from "../../runner/claim-loop.ts";
import { waits } from "../../runner/conclude.ts";
import { bytesOf } from "../../runner/disk.ts";
import { AppError } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import type { Claim, ClaimRequest, JobStore } from "../../shared/store.ts";
import { aClaim, aJob, aNewJob } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

type Loop = Readonly<{
  store: JobStore;
  capacity?: number;
  mayClaim?: () => Promise<boolean>;
  warm?: () => readonly string[];
  options?: Partial<LoopOptions>;
}>;

/** A loop whose jobs end when the test says so. */
function aLoop(
  { store, capacity = 2, mayClaim = async () => true, warm = () => [], options = {} }: Loop,
  clock: Parameters<typeof claimLoop>[0]["clock"],
) {
  const stop = new AbortController();
  const running = new Map<string, () => void>();
  const over = claimLoop(
    { store, clock, log: silentLog, random: () => 0.5, newClaim: async () => randomUUID(), mayClaim, warm },
    {
      options: {
        runner: "box-1/a1",
        podName: "box-1",
        pools: ["default"],
        leaseMs: 360_000,
        capacity,
        idlePollMs: 60_000,
        ...options,
      },
      stop: stop.signal,
      work: ({ claim }) =>
        new Promise((done) =>
          running.set(claim.job.id, () => {
            running.delete(claim.job.id);
            done();
          }),
        ),
    },
  );
  const end = async () => {
    stop.abort();
    for (const finish of running.values()) finish();
    await over;
  };
  return { running, stop, over, end };
}

/** A store whose first `lost` claims are made, while their answers never come; and the ids that were asked under. */
function losingAnswers(real: JobStore, lost = 1, meanwhile: (claim: Claim | undefined) => unknown = () => undefined) {
  const ids: string[] = [];
  const claim: JobStore["claim"] = async (request) => {
    ids.push(request.claimId);
    const made = await real.claim(request);
    if (ids.length > lost) return made;
    await meanwhile(made);
    throw new AppError("store_unavailable", "the answer was lost");
  };
  return { store: { ...real, claim }, ids };
}

test("W-10: a runner never works on more jobs than its capacity, and takes the next as soon as one ends", async () => {
  await using world = await sqliteWorld();
  for (let count = 0; count < 3; count += 1) await world.store.submit(aNewJob());
  const loop = aLoop({ store: world.store }, world.clock);
  await eventually(() => loop.running.size === 2);
  expect((await world.store.counts()).byStatus).toMatchObject({ queued: 1, running: 2 });

  [...loop.running.values()][0]?.();
  await eventually(async () => (await world.store.counts()).byStatus.running === 3);
  expect(loop.running.size).toBe(2);
  await loop.end();
});

test("an idle runner takes up a job as soon as it is submitted", async () => {
  await using world = await sqliteWorld();
  const loop = aLoop({ store: world.store }, world.clock);
  await world.store.submit(aNewJob());
  await eventually(() => loop.running.size === 1);
  await loop.end();
});

test("where nobody sweeps, an idle runner takes up a job whose delay ends, and one whose runner went silent", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  const claimed = async () => {
    await store.submit(aNewJob());
    const claim = await store.claim(aClaim({ runner: "box-2/b", leaseMs: 20_000 }));
    if (!claim) throw new Error("there was a job to claim");
    return claim;
  };
  const delayed = await claimed();
  await store.release(delayed.lease, { reason: "waiting", delayMs: 10_000 });
  const lost = await claimed();
  const loop = aLoop({ store }, world.clock);
  await eventually(() => {
    world.clock.advance(500);
    return loop.running.size === 2;
  });

  expect([...loop.running.keys()]).toEqual([delayed.job.id, lost.job.id]);
  await loop.end();
});

test("nothing is claimed while the disk is under its low-water mark", async () => {
  await using world = await sqliteWorld();
  await world.store.submit(aNewJob());
  let asked = 0;
  const mayClaim = async () => {
    asked += 1;
    return false;
  };
  const loop = aLoop({ store: world.store, mayClaim }, world.clock);
  await eventually(() => asked > 0);
  expect((await world.store.counts()).byStatus.queued).toBe(1);
  await loop.end();
});

test("a drained runner claims no more and waits for the jobs that run", async () => {
  await using world = await sqliteWorld();
  await world.store.submit(aNewJob());
  const loop = aLoop({ store: world.store }, world.clock);
  await eventually(() => loop.running.size === 1);
  loop.stop.abort();
  await world.store.submit(aNewJob());
  let ended = false;
  void loop.over.then(() => {
    ended = true;
  });
  await new Promise((done) => setImmediate(done));
  expect(ended).toBe(false);
  [...loop.running.values()][0]?.();
  await loop.over;
  expect((await world.store.counts()).byStatus.queued).toBe(1);
});

test("a claim whose answer was lost is asked for again under the same id, so no job is claimed twice", async () => {
  await using world = await sqliteWorld();
  await world.store.submit(aNewJob());
  const { store, ids } = losingAnswers(world.store);
  const loop = aLoop({ store }, world.clock);
  await eventually(() => ids.length === 1 && world.clock.sleepers() > 0);
  world.clock.advance(1_000);
  await eventually(() => loop.running.size === 1);
  expect(ids[1]).toBe(ids[0]);
  expect((await world.store.get([...loop.running.keys()][0] as never))?.attempt).toBe(1);
  await loop.end();
});

test("a claim whose answer was lost, and whose job is another's by then, does not keep the runner from the next one", async () => {
  await using world = await sqliteWorld();
  await world.store.submit(aNewJob());
  const { store, ids } = losingAnswers(world.store, 1, async (claim) => {
    if (claim) await world.store.release(claim.lease, { reason: "lease_lost", delayMs: 1e9 });
    await world.store.submit(aNewJob());
  });
  const loop = aLoop({ store }, world.clock);
  await eventually(() => ids.length === 1 && world.clock.sleepers() > 0);
  world.clock.advance(1_000);
  await eventually(() => loop.running.size === 1);
  expect(ids[1]).toBe(ids[0]);
  expect(ids[2]).not.toBe(ids[0]);
  await loop.end();
});

test.each([1, 2])(
  "a runner told to stop gives back at once what it was given without hearing of it (answers lost: %i)",
  async (lost) => {
    await using world = await sqliteWorld();
    const { job } = await world.store.submit(aNewJob());
    const { store, ids } = losingAnswers(world.store, lost);
    const loop = aLoop({ store }, world.clock);
    await eventually(() => ids.length === 1 && world.clock.sleepers() > 0);
    loop.stop.abort();
    await loop.over;

    const after = lost === 1 ? { status: "queued", attempts: [{ reason: "drained" }] } : { status: "running" };
    expect(await world.store.get(job.id)).toMatchObject(after);
  },
);

test("a claim that came twice, the second time when nobody listened any more, does not keep the runner from the next job", async () => {
  await using world = await sqliteWorld();
  const other = await world.another();
  const requests: ClaimRequest[] = [];
  const store: JobStore = {
    ...world.store,
    claim: async (request) => {
      requests.push(request);
      return await world.store.claim(request);
    },
  };
  const loop = aLoop({ store }, world.clock);
  await eventually(() => requests.length === 1 && world.clock.sleepers() > 0);
  const [late] = requests;
  // The runner sleeps through all of it: a job is given to it, and taken away.
  const { job } = await other.submit(aNewJob());
  if (late) expect((await other.claim({ ...late, leaseMs: 1_000 }))?.job.id).toBe(job.id);
  world.clock.advance(360_000);
  await other.sweep();

  await eventually(() => {
    world.clock.advance(1_000);
    return loop.running.has(job.id);
  });
  expect(await world.store.get(job.id)).toMatchObject({ status: "running", attempt: 2 });
  await loop.end();
});

test("an idle runner whose pools become others takes a job of those at once", async () => {
  await using world = await sqliteWorld();
  let change = new AbortController();
  const pools = ["default"];
  const loop = aLoop({ store: world.store, options: { pools, poolsChange: () => change.signal } }, world.clock);
  const { job } = await world.store.submit(aNewJob({ queue: "default@@profile-docs" }));
  await eventually(() => world.clock.sleepers() > 0);
  expect(loop.running.size).toBe(0);

  pools.push("default@@profile-docs");
  change.abort();
  change = new AbortController();

  await eventually(() => loop.running.has(job.id));
  await loop.end();
});

test("a claim names what is warm here, the latest first, and at most a hundred", async () => {
  await using world = await sqliteWorld();
  const asked: (readonly string[])[] = [];
  const store: JobStore = {
    ...world.store,
    claim: (request) => {
      asked.push(request.warm ?? []);
      return world.store.claim(request);
    },
  };
  const many = Array.from({ length: 150 }, (_, n) => `https://h/${n}`);
  const loop = aLoop({ store, warm: () => many }, world.clock);
  await eventually(() => asked.length > 0);
  expect(asked[0]).toEqual(many.slice(0, 100));
  await loop.end();
});

test("a low-water mark is a share of the disk or an amount", () => {
  expect(bytesOf("5%", 1_000)).toBe(50);
  expect(bytesOf("1.5K", 1)).toBe(1_536);
  expect(bytesOf("10G", 1)).toBe(10 * 2 ** 30);
  expect(bytesOf("700", 1)).toBe(700);
});

test("only the waits in a row at the end of a job's attempts count", () => {
  const attempt = (number: number, reason: "waiting" | "crashed") => ({
    ...{ number, reason, pod_name: "box-1", started_at: "2026-03-01T12:00:00.000Z" },
    ended_at: `2026-03-01T12:0${number}:00.000Z`,
  });
  expect(waits(aJob())).toEqual({ tries: 0 });
  expect(waits(aJob({ attempts: [attempt(1, "waiting"), attempt(2, "crashed")] }))).toEqual({ tries: 0 });
  expect(waits(aJob({ attempts: [attempt(1, "crashed"), attempt(2, "waiting"), attempt(3, "waiting")] }))).toEqual({
    tries: 2,
    sinceMs: Date.parse("2026-03-01T12:02:00.000Z"),
  });
});

test("jobs that have ended leave nothing behind on the signal that ends the loop", async () => {
  await using world = await sqliteWorld();
  for (let count = 0; count < 12; count += 1) await world.store.submit(aNewJob());
  const loop = aLoop({ store: world.store, capacity: 1 }, world.clock);
  for (let count = 0; count < 11; count += 1) {
    await eventually(() => loop.running.size === 1);
    [...loop.running.values()][0]?.();
  }
  await eventually(() => loop.running.size === 1);
  expect(getEventListeners(loop.stop.signal, "abort").length).toBeLessThan(4);
  await loop.end();
});
