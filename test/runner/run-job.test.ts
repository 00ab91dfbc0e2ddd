import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runJob } from "../../runner/run-job.ts";
import type { RunnerDeps } from "../../runner/runner-deps.ts";
import { silentTelemetry } from "../../runner/telemetry/telemetry.ts";
import { silentLog } from "../../shared/log.ts";
import { aClaim, aNewJob } from "../support/a-job.ts";
import { somePlaces } from "../support/some-places.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

test("an attempt that cannot be noted on the disk gives its job back", async () => {
  await using world = await sqliteWorld();
  const { store, clock } = world;
  const places = somePlaces(world.dir);
  await store.submit(aNewJob());
  const request = aClaim();
  const claim = await store.claim(request);
  if (!claim) throw new Error("there was a job to claim");
  // Something is in the way of the run file's draft.
  mkdirSync(join(places.runs, `${claim.lease.job}.${claim.lease.fence}.json.1.new`), { recursive: true });
  const identity = { instance: request.runner, host: "h", boot_id: "b", pid_namespace: "n", pid: 1, start_time: 1 };
  const deps = {
    ...{ store, clock, log: silentLog, random: () => 0.5, telemetry: silentTelemetry, places, identity },
    ...{ tmpRoot: world.dir, times: { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 } },
  } as unknown as RunnerDeps;
  const held = { claim, claimId: request.claimId, sentAt: clock.uptime() };

  await runJob(held, deps, new AbortController().signal).catch(() => undefined);

  expect(await store.get(claim.lease.job)).toMatchObject({ status: "queued", attempts: [{ reason: "crashed" }] });
});
