import { expect, test } from "vitest";
import { placeOrders } from "./orders.ts";

const options = { seed: 3, durationMs: 600_000, everyMs: 600, repoShare: 0.2 };

test("the same seed gives the same work, each order with a key of its own", () => {
  const orders = placeOrders(options);
  expect(placeOrders(options)).toEqual(orders);
  expect(placeOrders({ ...options, seed: 4 })).not.toEqual(orders);
  expect(new Set(orders.map(({ key }) => key)).size).toBe(orders.length);
});

test("the work has all that clients do: copies, cancels, messages, repositories, stubborn jobs and daemons", () => {
  const orders = placeOrders(options);
  const share = (fits: (order: (typeof orders)[number]) => boolean) => orders.filter(fits).length / orders.length;
  expect(share(({ inRepo }) => inRepo)).toBeCloseTo(0.2, 1);
  for (const fits of [
    (order: (typeof orders)[number]) => order.copies > 1,
    (order: (typeof orders)[number]) => order.againMs !== undefined,
    (order: (typeof orders)[number]) => order.cancelMs !== undefined,
    (order: (typeof orders)[number]) => order.messageMs !== undefined,
    ({ task }: (typeof orders)[number]) => task.includes("stubborn"),
    ({ task }: (typeof orders)[number]) => task.includes("child"),
  ])
    expect(share(fits)).toBeGreaterThan(0.05);
});
