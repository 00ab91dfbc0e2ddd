import { expect, test } from "vitest";
import { keepAnnounced } from "../../runner/announce.ts";
import { AppError } from "../../shared/error.ts";
import { silentLog } from "../../shared/log.ts";
import type { JobStore, RunnerRecord } from "../../shared/store.ts";
import { aJobId, aRunner } from "../support/a-job.ts";
import { eventually } from "../support/eventually.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

/** A runner that announces itself every minute to a real store, on a clock that the test moves. */
async function anAnnouncer() {
  const world = await sqliteWorld();
  const { store, clock } = world;
  const said: RunnerRecord[] = [];
  const state = { away: false, drains: 0, record: aRunner() };
  const watched: JobStore = {
    ...store,
    announce: async (record) => {
      said.push(record);
      if (state.away) throw new AppError("store_unavailable", "the store is away");
      return await store.announce(record);
    },
  };
  const deps = { store: watched, clock, log: silentLog, random: () => 0.5 };
  const announcer = keepAnnounced(deps, {
    runner: "box-1/a1",
    record: async () => state.record,
    everyMs: 60_000,
    onDrain: () => {
      state.drains += 1;
    },
  });
  /** Lets time pass in steps, with what happens in each. */
  const pass = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 100) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(100);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await eventually(() => said.length === 1);
  return {
    ...{ announcer, clock, store, said, state, pass, world },
    [Symbol.asyncDispose]: async () => {
      await announcer[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

test("a runner is announced at once, and then once a minute while nothing changes", async () => {
  await using runner = await anAnnouncer();
  expect(await runner.store.runners()).toMatchObject([{ id: "box-1/a1" }]);
  await runner.pass(59_000);
  expect(runner.said).toHaveLength(1);
  await runner.pass(2_000);
  expect(runner.said).toHaveLength(2);
  await runner.pass(180_000);
  expect(runner.said).toHaveLength(5);
});

test("a change is told at once, and many within a second are told as one", async () => {
  await using runner = await anAnnouncer();
  await runner.pass(5_000);
  for (let n = 1; n <= 5; n += 1) {
    runner.state.record = aRunner({ running: Array.from({ length: n }, () => aJobId()) });
    runner.announcer.soon();
    if (n === 1) await eventually(() => runner.said.length === 2);
  }
  await runner.pass(500);
  expect(runner.said).toHaveLength(2);
  await runner.pass(1_000);

  expect(runner.said.map(({ running }) => running.length)).toEqual([0, 1, 5]);
  await runner.pass(30_000);
  expect(runner.said).toHaveLength(3);
});

test("a change while an announcement is under way is told after it", async () => {
  await using runner = await anAnnouncer();
  runner.announcer.soon();
  await runner.pass(1_200);
  expect(runner.said).toHaveLength(2);
});

test("while the store is away it is told again every 5 s", async () => {
  await using runner = await anAnnouncer();
  runner.state.away = true;
  await runner.pass(61_000);
  expect(runner.said).toHaveLength(2);
  await runner.pass(10_500);
  expect(runner.said).toHaveLength(4);
  runner.state.away = false;
  await runner.pass(5_000);
  expect(runner.said).toHaveLength(5);
  await runner.pass(50_000);
  expect(runner.said).toHaveLength(5);
});

test("a drain that another process asks for is known within two seconds, and told once", async () => {
  await using runner = await anAnnouncer();
  const other = await runner.world.another();
  await runner.pass(20_000);
  await other.drain("box-2");
  await runner.pass(2_000);
  expect(runner.said).toHaveLength(1);
  await other.drain("box-1");
  await runner.pass(1_900);

  expect(runner.state.drains).toBe(1);
  await runner.pass(180_000);
  expect(runner.state.drains).toBe(1);
  expect(runner.said.length).toBeLessThanOrEqual(6);
});

test("a drain that was asked for while an announcement was on its way is known too", async () => {
  await using runner = await anAnnouncer();
  await runner.pass(5_000);
  await runner.store.drain("box-1");
  runner.announcer.soon();
  await runner.pass(1_500);

  expect(runner.state.drains).toBe(1);
});

test("at the end nobody waits any more", async () => {
  await using runner = await anAnnouncer();
  await runner.announcer[Symbol.asyncDispose]();
  await runner.pass(400);

  expect(runner.clock.sleepers()).toBe(0);
});
