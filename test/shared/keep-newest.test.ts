import { expect, test } from "vitest";
import { keepNewest } from "../../shared/keep-newest.ts";

test("a map keeps what came last: as many as it may, and a tenth less once there were more", () => {
  const all = new Map<number, string>();
  for (let n = 0; n < 20; n += 1) keepNewest(all, [n, "first"], 20);
  expect(all.size).toBe(20);
  keepNewest(all, [0, "again"], 20);
  expect([...all].at(-1)).toEqual([0, "again"]);
  expect(all.size).toBe(20);

  keepNewest(all, [20, "one more"], 20);
  expect([...all.keys()]).toEqual([...Array.from({ length: 16 }, (_, n) => n + 4), 0, 20]);
});

test("what has just come is kept, however few may be", () => {
  const all = new Map([["a", 1]]);
  keepNewest(all, ["b", 2], 1);
  expect([...all]).toEqual([["b", 2]]);
});
