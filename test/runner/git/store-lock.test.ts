import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { makeStoreLock, type StoreLockDeps } from "../../../runner/git/store-lock.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";

const name = "clone:0123456789ab";
const ttlMs = 60_000;

/** A store on a clock of the test's, and locks of several machines in it. */
async function aWorldOfLocks() {
  const world = await sqliteWorld();
  const { store, clock } = world;
  const said: string[] = [];
  const machine = (more: Partial<StoreLockDeps> = {}) =>
    makeStoreLock({ store, clock, random: () => 0.5, newId: randomUUID, log: (s) => said.push(s), ...more });
  const turn = () => new Promise(setImmediate);
  /** Time passes second by second, and whoever wakes gets his turn. */
  const pass = async (seconds: number) => {
    await turn();
    for (let n = 0; n < seconds; n += 1) {
      clock.advance(1000);
      await turn();
    }
  };
  /** Whether somebody else could have the lock now; gives it back. */
  const isFree = async () => {
    const free = await store.takeLock({ name, owner: "somebody", ttlMs });
    await store.dropLock({ name, owner: "somebody" });
    return free;
  };
  return { ...world, said, machine, pass, turn, isFree, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

/** Work that ends when the test says so. */
function longWork() {
  const begun = Promise.withResolvers<AbortSignal | undefined>();
  const done = Promise.withResolvers<string>();
  const proof = Promise.withResolvers<() => void>();
  const work = ({ signal, prove }: { signal: AbortSignal | undefined; prove: () => void }) => {
    begun.resolve(signal);
    proof.resolve(prove);
    return done.promise;
  };
  return { begun: begun.promise, prove: proof.promise, done: done.resolve, work };
}
const ask = (waitMs = 10_000) => ({ name, waitMs, signal: undefined });

test("a lock over machines is kept for as long as the work takes, and is free at its end", async () => {
  await using world = await aWorldOfLocks();
  const { begun, done, work } = longWork();
  const held = world.machine()(ask(), work);
  await begun;
  for (let minute = 0; minute < 5; minute += 1) {
    await world.pass(60);
    expect(await world.isFree()).toBe(false);
  }
  done("done");
  expect(await held).toBe("done");
  expect(await world.isFree()).toBe(true);
  expect(world.clock.sleepers()).toBe(0);
});

test("of two machines one works at a time, and the other goes on right after it", async () => {
  await using world = await aWorldOfLocks();
  const [first, second] = [longWork(), longWork()];
  const one = world.machine()(ask(), first.work);
  await first.begun;
  let entered = false;
  void second.begun.then(() => {
    entered = true;
  });
  const two = world.machine()(ask(), second.work);
  await world.pass(5);
  expect(entered).toBe(false);
  first.done("one");
  expect(await one).toBe("one");
  await world.pass(3);
  expect(entered).toBe(true);
  second.done("two");
  expect(await two).toBe("two");
});

test("a lock that a dead machine left is waited for until it ends by itself", async () => {
  await using world = await aWorldOfLocks();
  await world.store.takeLock({ name, owner: "dead", ttlMs });
  const { begun, done, work } = longWork();
  const held = world.machine()(ask(120_000), work);
  await world.pass(59);
  expect(await world.isFree()).toBe(false);
  await world.pass(4);
  await begun;
  done("in");
  expect(await held).toBe("in");
});

/** The store over a link that the test can cut. */
function aLinkTo(real: StoreLockDeps["store"]) {
  const link = { down: false };
  const store: StoreLockDeps["store"] = {
    takeLock: (lock) => (link.down ? Promise.reject(new Error("unreachable")) : real.takeLock(lock)),
    dropLock: (lock) => real.dropLock(lock),
  };
  return Object.assign(link, { store });
}

test("who cannot renew in time is told to stop before anybody else can have the lock, and its work is a failure", async () => {
  await using world = await aWorldOfLocks();
  const link = aLinkTo(world.store);
  const { begun, done, work } = longWork();
  const held = world.machine({ store: link.store })(ask(), work);
  const signal = await begun;
  link.down = true;
  await world.pass(50);
  expect(signal?.aborted).toBe(false);
  await world.pass(5);
  expect(signal?.reason).toMatchObject({ code: "store_unavailable" });
  expect(await world.isFree()).toBe(false);
  done("written all the same");
  await expect(held).rejects.toMatchObject({ code: "store_unavailable" });
  expect(world.said.join()).toContain("could not be renewed");
});

test("a store that is away for less than the lock's time costs nothing", async () => {
  await using world = await aWorldOfLocks();
  const link = aLinkTo(world.store);
  const { begun, done, work } = longWork();
  const held = world.machine({ store: link.store })(ask(), work);
  await begun;
  for (let outage = 0; outage < 4; outage += 1) {
    link.down = true;
    await world.pass(25);
    link.down = false;
    await world.pass(10);
  }
  done("done");
  expect(await held).toBe("done");
});

test("who was stopped past the lock's time sees it before the next step, and leaves the lock to its new owner", async () => {
  await using world = await aWorldOfLocks();
  const still = { ...world.clock, sleep: (_: number, signal?: AbortSignal) => untilAborted(signal) };
  const { prove, done, work } = longWork();
  const held = world.machine({ clock: still })(ask(), work);
  const step = await prove;
  expect(step).not.toThrow();
  world.clock.advance(ttlMs);
  expect(step).toThrow("was lost while git was at work");
  expect(await world.store.takeLock({ name, owner: "next", ttlMs })).toBe(true);
  done("late");
  await expect(held).rejects.toMatchObject({ code: "store_unavailable" });
  expect(await world.isFree()).toBe(false);
});

const untilAborted = (signal?: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener("abort", () => resolve(), { once: true });
  });

test("W-22: waiting has an end that says who is in the way, and nobody works without the lock", async () => {
  await using world = await aWorldOfLocks();
  await world.store.takeLock({ name, owner: "busy", ttlMs: 600_000 });
  const work = async () => expect.fail("it worked without the lock");
  const waiting = world
    .machine()(ask(30_000), work)
    .catch((error: unknown) => error);
  await world.pass(35);
  expect(await waiting).toMatchObject({
    code: "clone_failed",
    message: `another runner holds the lock ${name} for more than 30 s`,
  });

  const down: StoreLockDeps["store"] = {
    takeLock: () => Promise.reject(new Error("unreachable")),
    dropLock: () => Promise.reject(new Error("unreachable")),
  };
  const vain = world
    .machine({ store: down })(ask(30_000), work)
    .catch((error: unknown) => error);
  await world.pass(35);
  expect(await vain).toMatchObject({ code: "store_unavailable" });
});

test("a lost answer does not shut out who asked", async () => {
  await using world = await aWorldOfLocks();
  const { store } = world;
  let replies = 0;
  const lossy: StoreLockDeps["store"] = {
    takeLock: async (lock) => {
      const given = await store.takeLock(lock);
      replies += 1;
      if (replies === 1) throw new Error("the answer was lost");
      return given;
    },
    dropLock: (lock) => store.dropLock(lock),
  };
  const held = world.machine({ store: lossy })(ask(), async () => "in");
  await world.pass(1);
  expect(await held).toBe("in");
  expect(await world.isFree()).toBe(true);
});

test("a wait that is cancelled ends at once and leaves nothing", async () => {
  await using world = await aWorldOfLocks();
  await world.store.takeLock({ name, owner: "busy", ttlMs });
  const stop = new AbortController();
  const waiting = world.machine()({ ...ask(), signal: stop.signal }, async () => expect.fail("it worked"));
  stop.abort(new Error("cancelled"));
  await expect(waiting).rejects.toThrow("cancelled");
  await world.store.dropLock({ name, owner: "busy" });
  expect(await world.isFree()).toBe(true);
  expect(world.clock.sleepers()).toBe(0);
});
