import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { processOf } from "../../../runner/process/process-id.ts";
import { processGroup } from "../../../runner/process/sandbox.ts";
import { runSetup } from "../../../runner/setup/run-setup.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import { scratch } from "../../support/sample-repo.ts";
import { granting } from "../granting.ts";

test("nothing of a set-up lives when its output could not be read on", async () => {
  using place = scratch();
  const folder = (name: string) => {
    mkdirSync(join(place.path, name));
    return join(place.path, name);
  };
  const until = systemClock.uptime() + 60_000;
  const keeper = granting({ softAt: until, hardAt: until });
  let isBroken = true;
  const clock = {
    ...systemClock,
    uptime: () => {
      if (!isBroken) return systemClock.uptime();
      isBroken = false;
      throw new Error("it cannot be read on"); // as a failing disk would, while the output is read
    },
  };
  const setup = { command: "", timeout: 60, outputs: [], cache_key: [] };
  const tree = {
    ...{ job: keeper.lease.job, fence: 1, cwd: folder("work"), env: {}, runDir: folder("run"), tmp: folder("tmp") },
    argv: ["/bin/bash", "-c", "echo $$ > pid; sleep 60"] as [string, ...string[]],
    ...{ sandbox: processGroup("for a test"), visible: [], hidden: [] },
  };
  const order = { setup, tree, keeper, signal: new AbortController().signal };
  await expect(runSetup(order, { clock, redact: (text) => text })).rejects.toThrow("it cannot be read on");
  const warden = JSON.parse(readFileSync(join(place.path, "run/warden.json"), "utf8"));
  expect([warden.pid, warden.init_pid].map(processOf)).toEqual([undefined, undefined]);
});
