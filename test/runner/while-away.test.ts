import { expect, test } from "vitest";
import { whileAway } from "../../runner/while-away.ts";
import { AppError, LeaseLost } from "../../shared/error.ts";
import { eventually } from "../support/eventually.ts";
import { fakeClock } from "../support/fake-clock.ts";

const away = () => new AppError("store_unavailable", "The store cannot be reached.");

test("an outage is waited out, with longer and longer pauses", async () => {
  const clock = fakeClock();
  const asked: number[] = [];
  const answer = whileAway(
    async () => {
      asked.push(clock.uptime());
      if (asked.length < 8) throw away();
      return "here";
    },
    { clock, capMs: 5_000, signal: new AbortController().signal },
  );
  for (let count = 1; count < 8; count += 1) {
    await eventually(() => clock.sleepers() > 0);
    while (asked.length === count) {
      clock.advance(250);
      await Promise.resolve();
      await Promise.resolve();
    }
  }
  expect(await answer).toBe("here");
  const pauses = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
  expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

test("patience ends with the lease, for the lease's reason", async () => {
  const over = new AbortController();
  const waiting = whileAway(() => Promise.reject(away()), { clock: fakeClock(), capMs: 5_000, signal: over.signal });
  over.abort(new Error("the lease is over"));
  await expect(waiting).rejects.toThrow("the lease is over");
});

test("what is no outage is not tried again", async () => {
  const signal = new AbortController().signal;
  const asked = whileAway(() => Promise.reject(new LeaseLost("j")), { clock: fakeClock(), capMs: 5_000, signal });
  await expect(asked).rejects.toBeInstanceOf(LeaseLost);
});
