import { expect, test } from "vitest";
import { type OutletOptions, openOutlet, Refused } from "../../../runner/telemetry/outlet.ts";
import { eventually } from "../../support/eventually.ts";
import { fakeClock } from "../../support/fake-clock.ts";

function anOutlet(send: OutletOptions<string>["send"], more: Partial<OutletOptions<string>> = {}) {
  const clock = fakeClock();
  const troubles: string[] = [];
  const outlet = openOutlet<string>({
    ...{ clock, send, batch: 2, maxItems: 4, maxBytes: 100, lingerMs: 0, timeoutMs: 5_000 },
    onTrouble: (error) => void troubles.push(String(error)),
    ...more,
  });
  const put = (...items: readonly string[]) => {
    for (const item of items) outlet.put(item, item.length);
  };
  /** Time goes on until it is so. */
  const until = (fits: () => boolean) =>
    eventually(() => {
      if (fits()) return true;
      clock.advance(250);
      return false;
    });
  return { outlet, clock, troubles, put, until };
}

test("what is put goes out in its order, in batches", async () => {
  const sent: (readonly string[])[] = [];
  const { outlet, put, until } = anOutlet(async (items) => void sent.push(items));
  put("a", "b", "c");
  await until(() => outlet.counts().sent === 3);
  expect(sent).toEqual([["a", "b"], ["c"]]);
});

test("while nothing can be sent the newest are kept, and those that went are counted", async () => {
  let isAway = true;
  const sent: string[] = [];
  const { outlet, put, until } = anOutlet(
    async (items) => {
      if (isAway) throw new Error("away");
      sent.push(...items);
    },
    { batch: 1 },
  );
  put("first");
  await until(() => outlet.counts().waiting === 0);
  put("1", "2", "3", "4", "5", "6");
  expect(outlet.counts()).toEqual({ sent: 0, dropped: 2, waiting: 4 });
  isAway = false;
  await until(() => outlet.counts().waiting === 0 && outlet.counts().sent + outlet.counts().dropped === 7);
  expect(sent.slice(-4)).toEqual(["3", "4", "5", "6"]);
});

test("what waits never has more bytes than allowed, and one larger than that is not taken", () => {
  const { outlet, put } = anOutlet(() => new Promise(() => undefined), { batch: 1, maxItems: 100 });
  put("x".repeat(60), "y".repeat(60), "z".repeat(200));
  expect(outlet.counts()).toEqual({ sent: 0, dropped: 2, waiting: 1 });
});

test("what is refused is not sent again, and the next goes out", async () => {
  const tried: string[] = [];
  const { outlet, put, until, troubles } = anOutlet(
    async ([item = ""]) => {
      tried.push(item);
      if (item === "bad") throw new Refused("never");
    },
    { batch: 1 },
  );
  put("bad", "good");
  await until(() => outlet.counts().sent === 1);
  expect(tried).toEqual(["bad", "good"]);
  expect(outlet.counts().dropped).toBe(1);
  expect(troubles).toEqual(["Error: never"]);
});

test("one that hangs is left after its time, and tried again", async () => {
  let tries = 0;
  const { outlet, put, until, troubles } = anOutlet(async (_, signal) => {
    tries += 1;
    if (tries === 1) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("cut"))));
  });
  put("a");
  await until(() => outlet.counts().sent === 1);
  expect(tries).toBe(2);
  expect(troubles).toHaveLength(1);
});

test("closing waits no longer than it is told, even for one who never answers, and drops what is left", async () => {
  const { outlet, put, until } = anOutlet(() => new Promise(() => undefined), { batch: 1 });
  put("a", "b", "c");
  let isClosed = false;
  void outlet.close(3_000).then(() => {
    isClosed = true;
  });
  await until(() => isClosed);
  expect(outlet.counts()).toEqual({ sent: 0, dropped: 3, waiting: 0 });
  put("late");
  expect(outlet.counts().dropped).toBe(4);
});

test("closing sends what is there at once", async () => {
  const sent: string[] = [];
  const { outlet, put } = anOutlet(async (items) => void sent.push(...items), { lingerMs: 60_000 });
  put("a", "b", "c");
  await outlet.close(3_000);
  expect(sent).toEqual(["a", "b", "c"]);
});
