import { expect, test } from "vitest";
import { describeFault, faultKinds, scheduleFaults } from "./schedule.ts";

const options = { seed: 7, durationMs: 600_000, leaseMs: 3_000, everyMs: 1_000 };

test("the same seed gives the same faults at the same moments, another one others", () => {
  expect(scheduleFaults(options)).toEqual(scheduleFaults(options));
  expect(scheduleFaults({ ...options, seed: 8 })).not.toEqual(scheduleFaults(options));
});

test("the faults are in order, within the time, about as dense as asked for", () => {
  const faults = scheduleFaults(options);
  expect(faults.map(({ atMs }) => atMs)).toEqual(faults.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
  expect(faults.at(-1)?.atMs).toBeLessThan(options.durationMs);
  expect(faults.length).toBeGreaterThan(500);
  expect(faults.length).toBeLessThan(700);
});

test("a minute holds every kind", () => {
  const seen = new Set(scheduleFaults({ ...options, durationMs: 60_000 }).map(({ kind }) => kind));
  expect([...faultKinds].filter((kind) => !seen.has(kind))).toEqual([]);
});

test("who is stopped or cut off is so for about one lease and a half, and a fault is told in one line", () => {
  const stops = scheduleFaults(options).filter(({ kind }) => kind === "runner stopped" || kind === "link cut");
  expect(Math.min(...stops.map(({ forMs }) => forMs))).toBeGreaterThanOrEqual(0.8 * options.leaseMs);
  expect(stops.filter(({ forMs }) => forMs > options.leaseMs).length).toBeGreaterThan(stops.length / 2);
  expect(stops.map(describeFault).every((line) => !line.includes("\n"))).toBe(true);
});
