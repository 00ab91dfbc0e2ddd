import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeClaimNote } from "../../runner/process/claim-note.ts";
import { openInstance } from "../../runner/process/instance.ts";
import { recoverRuns } from "../../runner/recover-runs.ts";
import { silentTelemetry } from "../../runner/telemetry/telemetry.ts";
import { silentLog } from "../../shared/log.ts";
import { aNewJob } from "../support/a-job.ts";
import { somePlaces } from "../support/some-places.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

/** A data folder with the note of a runner that is gone, and the runner that finds it. */
async function aRestart() {
  const world = await sqliteWorld();
  const runs = join(world.dir, "runs");
  mkdirSync(runs);
  const me = await openInstance(runs, "box-1/new");
  // The same place, and a process id that begins where none ever did.
  const dead = { ...me.identity, instance: "box-1/old", start_time: me.identity.start_time + 1_000_000_000 };
  const recover = () =>
    recoverRuns(
      {
        ...{ store: world.store, clock: world.clock, log: silentLog, random: () => 0.5, telemetry: silentTelemetry },
        ...{ identity: me.identity, tmpRoot: world.dir },
        places: somePlaces(world.dir),
        times: { leaseMs: 360_000, renewMs: 30_000, urgentMs: 5_000 },
      },
      new AbortController().signal,
    );
  const claimAs = (claimId: string, runner = "box-1/old") =>
    world.store.claim({ claimId, runner, pod_name: "box-1", pools: ["default"], leaseMs: 360_000 });
  const notes = () => (existsSync(join(runs, ".claims")) ? readdirSync(join(runs, ".claims")) : []);
  const dispose = async () => {
    await me[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  };
  return { ...{ store: world.store, runs, dead, me, recover, claimAs, notes }, [Symbol.asyncDispose]: dispose };
}

test("a job whose runner died between its claim and its run file is given back at once, and no start is counted", async () => {
  await using restart = await aRestart();
  const { job } = await restart.store.submit(aNewJob({ job: { max_attempts: 1 } }));
  const claimId = randomUUID();
  await writeClaimNote(restart.runs, { claim_id: claimId, runner: restart.dead });
  await restart.claimAs(claimId);

  await restart.recover();

  expect(await restart.store.get(job.id)).toMatchObject({ status: "queued", attempts: [{ reason: "drained" }] });
  expect(restart.notes()).toEqual([]);
});

test("a claim that never reached the store takes no job when it is asked for again", async () => {
  await using restart = await aRestart();
  const { job } = await restart.store.submit(aNewJob());
  await writeClaimNote(restart.runs, { claim_id: randomUUID(), runner: restart.dead });

  await restart.recover();

  expect(await restart.store.get(job.id)).toMatchObject({ status: "queued", attempt: 0 });
  expect(restart.notes()).toEqual([]);
});

test("claims of runners that live, and notes that cannot be read, are left alone", async () => {
  await using restart = await aRestart();
  const { job } = await restart.store.submit(aNewJob());
  const claimId = randomUUID();
  const living = { ...restart.me.identity, instance: "box-1/other" };
  await writeClaimNote(restart.runs, { claim_id: claimId, runner: living });
  writeFileSync(join(restart.runs, ".claims", `${randomUUID()}.json`), "{");
  await restart.claimAs(claimId, "box-1/other");

  await restart.recover();

  expect(await restart.store.get(job.id)).toMatchObject({ status: "running" });
  expect(restart.notes()).toHaveLength(2);
});
