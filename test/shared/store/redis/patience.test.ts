import { expect, test } from "vitest";
import { AppError } from "../../../../shared/error.ts";
import { Late, Passing, patience, type WireLimits, wireLimits } from "../../../../shared/store/redis/patience.ts";
import { fakeClock } from "../../../support/fake-clock.ts";
import { memoryLog } from "../../../support/memory-log.ts";

/** Tries on a clock that goes on by itself whenever somebody sleeps. */
function aWire(limits: Partial<WireLimits> = {}, random = () => 1) {
  const standing = fakeClock();
  const clock = {
    ...standing,
    sleep: async (ms: number) => standing.advance(ms),
  };
  const log = memoryLog();
  const tries = patience({ place: "Redis at h", clock, random, log, limits: { ...wireLimits, ...limits } });
  const waits: number[] = [];
  let last = clock.uptime();
  /** Fails in these ways, and then answers. */
  const fails = (failures: readonly Error[], answer = "ok") => {
    let n = 0;
    return async () => {
      waits.push(clock.uptime() - last);
      last = clock.uptime();
      const failure = failures[n++];
      if (failure) throw failure;
      return answer;
    };
  };
  return { tries, clock, log, waits, fails };
}
const passing = (times: number) => Array.from({ length: times }, () => new Passing("reset"));

test("tries again after pauses that double up to two seconds, spread by chance", async () => {
  const at = aWire();
  expect(await at.tries.persist("GET", at.fails(passing(7)))).toBe("ok");
  expect(at.waits).toEqual([0, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
  const half = aWire({}, () => 0.5);
  await half.tries.persist("GET", half.fails(passing(3)));
  expect(half.waits).toEqual([0, 50, 100, 200]);
});

test("an error that no further try would change is thrown at once", async () => {
  const at = aWire();
  const error = new AppError("store_unavailable", "full");
  await expect(at.tries.persist("SET", at.fails([error]))).rejects.toBe(error);
  expect(at.waits).toEqual([0]);
});

test("no call is longer than its limit, and says why it ended", async () => {
  const at = aWire({ callMs: 1_000 });
  const start = at.clock.uptime();
  const failure = at.tries.persist(
    "GET",
    at.fails([new Passing("LOADING it loads", { remedy: "Wait." }), ...passing(9)]),
  );
  await expect(failure).rejects.toMatchObject({
    code: "store_unavailable",
    message: "Redis at h gave no answer to GET within 1 s: reset.",
  });
  expect(at.clock.uptime() - start).toBeLessThan(1_000);
});

test("a last try that was cut short does not hide what the one before it found", async () => {
  const at = aWire({ callMs: 500 });
  const failure = at.tries.persist(
    "GET",
    at.fails([new Passing("LOADING it loads", { remedy: "Wait." }), new Late(10), new Late(9), new Late(8)]),
  );
  await expect(failure).rejects.toMatchObject({ message: expect.stringContaining("LOADING"), remedy: "Wait." });
});

test("what the other side asks for is waited for, or not at all where that is too long", async () => {
  const at = aWire();
  await at.tries.persist("GET", at.fails([new Passing("busy", { afterMs: 3_000 })]));
  expect(at.waits).toEqual([0, 3_000]);
  const long = aWire();
  await expect(long.tries.persist("GET", long.fails([new Passing("busy", { afterMs: 60_000 })]))).rejects.toThrow(
    "busy",
  );
  expect(long.waits).toEqual([0]);
});

test("after one call in vain the others fail soon, but for one every fifteen seconds, until one gets through", async () => {
  const at = aWire();
  const took = async (failures: number) => {
    const start = at.clock.uptime();
    await at.tries.persist("GET", at.fails(passing(failures))).catch(() => undefined);
    return at.clock.uptime() - start;
  };
  expect(await took(99)).toBeGreaterThan(8_000);
  expect(await took(99)).toBeLessThanOrEqual(1_000);
  expect(await took(99)).toBeLessThanOrEqual(1_000);
  at.clock.advance(15_000);
  expect(await took(99)).toBeGreaterThan(7_000);
  expect(await took(0)).toBe(0);
  expect(await took(99)).toBeGreaterThan(7_000);
  expect(at.log.lines.map((line) => JSON.parse(line).message)).toEqual([
    "Redis at h is away",
    "Redis at h answers again",
    "Redis at h is away",
  ]);
});

test("the time that a try gets is what is left of the call's, and never more than a try's", async () => {
  const given: number[] = [];
  const at = aWire({ tryMs: 400, callMs: 1_000 });
  const attempt = async (ms: number) => {
    given.push(ms);
    at.clock.advance(ms);
    throw new Late(ms);
  };
  await at.tries.persist("GET", attempt).catch(() => undefined);
  expect(given).toEqual([400, 400]);
});
