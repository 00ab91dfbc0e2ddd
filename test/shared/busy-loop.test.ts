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

test.each([
  [0.29, false],
  [0.31, true],
])("at work for %d of the time since it was asked last, a process is busy: %s", (share, is) => {
  let active = 0;
  let idle = 1_000;
  const isBusy = busyLoop((now, since) => {
    const worked = active - (since?.active ?? 0);
    const waited = idle - (since?.idle ?? 0);
    return { active: now?.active ?? active, idle: now?.idle ?? idle, utilization: worked / (worked + waited) };
  });
  for (let turn = 0; turn < 3; turn += 1) {
    active += share * 100;
    idle += (1 - share) * 100;
    expect(isBusy()).toBe(is);
  }
});
