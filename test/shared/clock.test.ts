import { uptime } from "node:os";
import { expect, test } from "vitest";
import { systemClock } from "../../shared/clock.node.ts";
import { backOff, iso, jittered } from "../../shared/clock.ts";
import { fakeClock } from "../support/fake-clock.ts";

test("time is written in RFC 3339, UTC, with milliseconds", () => {
  expect(iso(0)).toBe("1970-01-01T00:00:00.000Z");
  expect(iso(Date.UTC(2026, 10, 22, 7, 8, 9, 10))).toBe("2026-11-22T07:08:09.010Z");
});

test("a back-off doubles up to its cap, after however many tries", () => {
  const times = { baseMs: 500, capMs: 30_000 };
  expect([0, 1, 2, 5, 6, 7, 10_000].map((tries) => backOff(tries, times))).toEqual([
    500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test("jitter is at most a tenth up or down", () => {
  expect([0, 0.5, 1].map((n) => jittered(1_000, () => n))).toEqual([900, 1_000, 1_100]);
});

test("the system's clock knows the time, and its uptime goes on and is not the wall's", async () => {
  const before = systemClock.uptime();
  await systemClock.sleep(30);
  const passed = systemClock.uptime() - before;
  expect(passed).toBeGreaterThanOrEqual(10);
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  expect(systemClock.uptime()).toBeLessThan(systemClock.now() / 2);
});

test("the uptime is the machine's, at every moment, and never goes back", async () => {
  let last = systemClock.uptime();
  for (let n = 0; n < 200; n++) {
    const next = systemClock.uptime();
    expect(next).toBeGreaterThanOrEqual(last);
    expect(Math.abs(next - uptime() * 1000)).toBeLessThan(200);
    last = next;
    if (n % 20 === 0) await systemClock.sleep(3);
  }
});

test("sleep ends at once by its signal, also one that came before, and is no error then", async () => {
  const start = performance.now();
  const stop = new AbortController();
  const asleep = systemClock.sleep(60_000, stop.signal);
  stop.abort(new Error("enough"));
  await asleep;
  await systemClock.sleep(60_000, stop.signal);
  expect(performance.now() - start).toBeLessThan(5_000);
});

test("the tests' clock moves only when told, wakes who slept long enough, and can be set without time passing", async () => {
  const clock = fakeClock({ now: 1_000, uptime: 50 });
  const woken: string[] = [];
  const stop = new AbortController();
  const sleeps = [
    clock.sleep(10).then(() => woken.push("short")),
    clock.sleep(20).then(() => woken.push("long")),
    clock.sleep(99, stop.signal).then(() => woken.push("stopped")),
  ];
  clock.jump(1_000_000);
  await Promise.resolve();
  expect([clock.now(), clock.uptime(), woken, clock.sleepers()]).toEqual([1_001_000, 50, [], 3]);
  clock.advance(10);
  await sleeps[0];
  expect([clock.uptime(), woken]).toEqual([60, ["short"]]);
  clock.advance(10);
  stop.abort();
  await Promise.all(sleeps);
  expect([woken, clock.sleepers()]).toEqual([["short", "long", "stopped"], 0]);
});
