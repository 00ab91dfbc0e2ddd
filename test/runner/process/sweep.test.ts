import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { findMarked, markerOf, sweepMarked } from "../../../runner/process/sweep.ts";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { eventually } from "./a-tree.ts";

const marked = (job: string, fence: number) =>
  spawn("sleep", ["100"], { env: { PATH: "/usr/bin:/bin", ...markerOf({ job, fence }) } });

test("the sweep kills what carries the job's marker, and not a later attempt or another job", async () => {
  const job = crypto.randomUUID();
  const [earlier, own, later, other] = [marked(job, 1), marked(job, 2), marked(job, 3), marked(crypto.randomUUID(), 1)];
  const ended = [earlier, own].map((child) => once(child, "exit"));
  const pids = [earlier.pid, own.pid].toSorted();
  await eventually("both", () => pids.every((pid) => pid !== undefined));
  expect((await findMarked({ job, fence: 2 })).map(({ pid }) => pid).toSorted()).toEqual(pids);
  expect(await sweepMarked({ job, fence: 2 }, clock)).toEqual([]);
  await Promise.all(ended);
  for (const child of [later, other]) {
    expect(child.exitCode ?? child.signalCode).toBe(null);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
