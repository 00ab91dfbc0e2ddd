import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeOldRuns } from "../../runner/remove-old-runs.ts";
import type { RunnerDeps } from "../../runner/runner-deps.ts";
import { JobId } from "../../shared/job.ts";
import { silentLog } from "../../shared/log.ts";
import { aClaim, aJobId, aNewJob } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { somePlaces } from "../support/some-places.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

/** A runner's folders beside a real store; of the repositories only what was asked to go is noted. */
async function anUpkeep() {
  const world = await sqliteWorld();
  const root = mkdtempSync(join(tmpdir(), "agenticore-upkeep-"));
  const places = somePlaces(root);
  const trees: string[] = [];
  const removed: string[] = [];
  const stuck = new Set<string>();
  const repos = {
    listTrees: async () => trees.map((jobId) => ({ jobId })),
    removeTree: async (jobId: string) => {
      if (stuck.has(jobId)) throw new Error("it stays");
      return removed.push(jobId) > 0;
    },
    sweep: async () => undefined,
  } as unknown as RunnerDeps["repos"];
  const config = aConfig({ AGENTICORE_RETENTION_FAILED: "100", AGENTICORE_JOB_TTL: "1000" });
  const folder = (...path: string[]) => {
    const made = join(root, ...path);
    mkdirSync(made, { recursive: true });
    return made;
  };
  const submit = async () => {
    const { job } = aNewJob({ job: { ttl_seconds: 1_000 } });
    await world.store.submit(aNewJob({ job }));
    trees.push(job.id);
    return { id: job.id, run: folder("runs", job.id) };
  };
  return {
    ...{ world, removed, stuck, trees, folder, submit },
    tidy: () => removeOldRuns({ store: world.store, clock: world.clock, log: silentLog, config, places, repos }),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

test("a live job's tree and folder stay, however old it is", async () => {
  await using upkeep = await anUpkeep();
  const { run } = await upkeep.submit();
  upkeep.world.clock.advance(50_000_000);
  await upkeep.tidy();
  expect(upkeep.removed).toEqual([]);
  expect(existsSync(run)).toBe(true);
});

test("a failed job's tree goes after its retention, its folder with its record", async () => {
  await using upkeep = await anUpkeep();
  const { id, run } = await upkeep.submit();
  const claim = await upkeep.world.store.claim(aClaim());
  if (!claim) throw new Error("there was a job to claim");
  await upkeep.world.store.finish(claim.lease, { status: "failed", patch: {} });

  upkeep.world.clock.advance(99_000);
  await upkeep.tidy();
  expect(upkeep.removed).toEqual([]);
  upkeep.world.clock.advance(2_000);
  await upkeep.tidy();
  expect(upkeep.removed).toEqual([id]);
  expect(existsSync(run)).toBe(true);

  upkeep.world.clock.advance(1_000_000);
  await upkeep.tidy();
  expect(existsSync(run)).toBe(false);
});

test("a tree of a job that ended well goes at once: its runner was killed before it could put it away", async () => {
  await using upkeep = await anUpkeep();
  const { id } = await upkeep.submit();
  const claim = await upkeep.world.store.claim(aClaim());
  if (!claim) throw new Error("there was a job to claim");
  await upkeep.world.store.finish(claim.lease, { status: "succeeded", patch: {} });
  await upkeep.tidy();
  expect(upkeep.removed).toEqual([id]);
});

test("the tree of a cancelled job goes at once, but not with work whose publication alone was cancelled", async () => {
  await using upkeep = await anUpkeep();
  const { store } = upkeep.world;
  const end = async (status: "failed" | "cancelled") => {
    const claim = await store.claim(aClaim());
    if (!claim) throw new Error("there was a job to claim");
    await store.finish(claim.lease, { status, patch: {} });
  };
  const plain = await upkeep.submit();
  await end("cancelled");
  const published = await upkeep.submit();
  await end("failed");
  await store.retry(JobId.parse(published.id), undefined, "publish");
  await end("cancelled");

  await upkeep.tidy();
  expect(upkeep.removed).toEqual([plain.id]);
  upkeep.world.clock.advance(101_000);
  await upkeep.tidy();
  expect(upkeep.removed).toContain(published.id);
});

test("what belongs to no job that the store knows goes, and other files of the folder do not", async () => {
  await using upkeep = await anUpkeep();
  const orphan = aJobId();
  const run = upkeep.folder("runs", orphan);
  const other = upkeep.folder("runs", ".live");
  upkeep.trees.push(orphan);
  await upkeep.tidy();
  expect(upkeep.removed).toEqual([orphan]);
  expect([existsSync(run), existsSync(other)]).toEqual([false, true]);
});

test("a session goes when nobody continued it for 30 days, unless a live job has it", async () => {
  await using upkeep = await anUpkeep();
  const [used, old, young] = [aJobId(), aJobId(), aJobId()];
  const day = 86_400;
  const times = { [used]: 31 * day, [old]: 31 * day, [young]: 29 * day };
  const folders = [used, old, young].map((id) => upkeep.folder("sessions", id));
  const now = upkeep.world.clock.now() / 1_000;
  for (const [index, id] of [used, old, young].entries())
    utimesSync(folders[index] ?? "", now - (times[id] ?? 0), now - (times[id] ?? 0));
  await upkeep.world.store.submit(aNewJob({ job: { session_id: used } }));
  await upkeep.tidy();
  expect(folders.map((folder) => existsSync(folder))).toEqual([true, false, true]);
});

test("what cannot be taken away holds up nothing else", async () => {
  await using upkeep = await anUpkeep();
  const [first, second] = [aJobId(), aJobId()];
  upkeep.trees.push(first, second);
  upkeep.stuck.add(first);
  const run = upkeep.folder("runs", second);
  await upkeep.tidy();
  expect(upkeep.removed).toEqual([second]);
  expect(existsSync(run)).toBe(false);
});
