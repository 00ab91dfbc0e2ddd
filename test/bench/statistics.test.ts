import { expect, test } from "vitest";
import { interleave, ratioOf, spreadOf } from "../../bench/statistics.ts";

test("a spread is the middle and the ends, in whatever order the measurements came", () => {
  expect(spreadOf([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30, count: 3 });
  expect(spreadOf([4, 1, 2, 100])).toEqual({ median: 3, min: 1, max: 100, count: 4 });
  expect(spreadOf([7])).toEqual({ median: 7, min: 7, max: 7, count: 1 });
  expect(() => spreadOf([])).toThrow("nothing");
});

test("a ratio is taken round by round, so a machine that slows down over the run does not change it", () => {
  expect(ratioOf([2, 20, 200], [1, 10, 100])).toEqual({ median: 2, min: 2, max: 2, count: 3 });
  expect(() => ratioOf([1, 2], [1])).toThrow("2 measurements are compared with 1");
});

test("sides take turns, and each comes first as often as the others", async () => {
  const order: string[] = [];
  const side = (name: string) => async (round: number) => {
    order.push(name);
    return round;
  };
  const measured = await interleave({ a: side("a"), b: side("b"), c: side("c") }, { rounds: 3 });
  expect(order.join("")).toBe("abcbcacab");
  expect(measured).toEqual({ a: [0, 1, 2], b: [0, 1, 2], c: [0, 1, 2] });
});
