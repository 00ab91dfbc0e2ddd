import { expect, test } from "vitest";
import { busyLoop } from "../../shared/busy-loop.node.ts";
import { eventually } from "../support/eventually.ts";

test("a process is busy that has worked since it was asked last, and is not once it waits", async () => {
  const isBusy = busyLoop();
  const since = performance.now();
  while (performance.now() - since < 50);
  expect(isBusy()).toBe(true);

  await eventually(() => !isBusy());
});
