import { expect, test } from "vitest";
import { makeFlights } from "../../../runner/git/flight.ts";
import { never } from "./a-desk.ts";

/** Work that ends when the test says so; it counts how often it was begun. */
function slowWork() {
  const runs: PromiseWithResolvers<string>[] = [];
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal) => {
    const run = Promise.withResolvers<string>();
    runs.push(run);
    signals.push(signal);
    return run.promise;
  };
  return { runs, signals, work };
}

test("whoever comes while work is under way shares it, and the next comer begins anew", async () => {
  const { runs, work } = slowWork();
  const fly = makeFlights<string>({ fresh: false });
  const ask = () => fly({ key: "k", signal: never(), work });
  const first = ask();
  await expect.poll(() => runs.length).toBe(1);
  const second = ask();
  runs[0]?.resolve("a");
  expect([await first, await second]).toEqual([
    { value: "a", shared: false },
    { value: "a", shared: true },
  ]);
  const third = ask();
  await expect.poll(() => runs.length).toBe(2);
  runs[1]?.resolve("b");
  expect(await third).toEqual({ value: "b", shared: false });
});

test("a fresh answer is never one that was begun before the question, and those who wait share the next", async () => {
  const { runs, work } = slowWork();
  const fly = makeFlights<string>({ fresh: true });
  const ask = () => fly({ key: "k", signal: never(), work });
  const first = ask();
  await expect.poll(() => runs.length).toBe(1);
  const later = [ask(), ask(), ask()];
  runs[0]?.resolve("old");
  expect((await first).value).toBe("old");
  await expect.poll(() => runs.length).toBe(2);
  runs[1]?.resolve("new");
  expect((await Promise.all(later)).map(({ value }) => value)).toEqual(["new", "new", "new"]);
});

test("a failure reaches all who wait, and does not stick", async () => {
  const { runs, work } = slowWork();
  const fly = makeFlights<string>({ fresh: true });
  const asks = [1, 2].map(() => fly({ key: "k", signal: never(), work }));
  await expect.poll(() => runs.length).toBe(1);
  runs[0]?.reject(new Error("broken"));
  for (const ask of asks) await expect(ask).rejects.toThrow("broken");
  const again = fly({ key: "k", signal: never(), work });
  await expect.poll(() => runs.length).toBe(2);
  runs[1]?.resolve("fine");
  expect((await again).value).toBe("fine");
});

test("work stops when the last who waits has gone, not before", async () => {
  const { runs, signals, work } = slowWork();
  const fly = makeFlights<string>({ fresh: false });
  const stops = [new AbortController(), new AbortController()];
  const asks = stops.map(({ signal }) => fly({ key: "k", signal, work }));
  await expect.poll(() => runs.length).toBe(1);
  stops[0]?.abort(new Error("one"));
  await expect(asks[0]).rejects.toThrow("one");
  expect(signals[0]?.aborted).toBe(false);
  stops[1]?.abort(new Error("two"));
  await expect(asks[1]).rejects.toThrow("two");
  expect(signals[0]?.aborted).toBe(true);
});

test("work of another key is not waited for", async () => {
  const { runs, work } = slowWork();
  const fly = makeFlights<string>({ fresh: true });
  const stuck = fly({ key: "a", signal: never(), work });
  const free = fly({ key: "b", signal: never(), work });
  await expect.poll(() => runs.length).toBe(2);
  runs[1]?.resolve("b");
  expect((await free).value).toBe("b");
  runs[0]?.resolve("a");
  await stuck;
});
