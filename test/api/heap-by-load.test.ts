import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { heapByLoad } from "../../api/heap-by-load.node.ts";
import { fakeClock } from "../support/fake-clock.ts";

const windowMs = 30_000;

function aHeap() {
  const flags: string[] = [];
  const clock = fakeClock();
  const stop = new AbortController();
  const answered = heapByLoad({ setFlag: (flag) => flags.push(flag), clock, stop: stop.signal });
  const answer = (times: number) => {
    for (let n = 0; n < times; n += 1) answered();
  };
  const pass = async () => {
    clock.advance(windowMs);
    await setImmediate();
  };
  return { flags, clock, stop, answer, pass };
}

test("a server that is asked now and then keeps its heap small, and waits for nothing while nobody asks", async () => {
  const { flags, clock, answer, pass } = aHeap();
  for (let n = 0; n < 3; n += 1) {
    answer(99);
    await pass();
  }

  expect(flags).toEqual([]);
  expect(clock.sleepers()).toBe(0);
});

test("under load the heap may grow, for as long as the load lasts, and after it is to be small again", async () => {
  const { flags, clock, answer, pass } = aHeap();
  for (let n = 0; n < 3; n += 1) {
    answer(150);
    await pass();
  }
  expect(flags).toEqual(["--no-optimize-for-size"]);

  await pass();

  expect(flags).toEqual(["--no-optimize-for-size", "--optimize-for-size"]);
  expect(clock.sleepers()).toBe(0);
});

test("a server that ends waits for no window", async () => {
  const { clock, stop, answer } = aHeap();
  answer(150);
  stop.abort();
  await setImmediate();

  expect(clock.sleepers()).toBe(0);
});
