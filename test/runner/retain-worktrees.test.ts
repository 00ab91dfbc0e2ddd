import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { retainWorktrees } from "../../runner/retain-worktrees.ts";
import type { RunnerDeps } from "../../runner/runner-deps.ts";
import { boxQueue } from "../../shared/box-queue.ts";
import { silentLog } from "../../shared/log.ts";
import type { WorktreeRecord } from "../../shared/worktree.ts";
import { aClaim, aJobId, aNewJob } from "../support/a-job.ts";
import { aConfig } from "../support/a-served-api.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

/** A box with prepared worktrees beside a real store; of its trees only what was asked to go is noted. */
async function aBox() {
  const world = await sqliteWorld();
  const { store, clock } = world;
  const trees: { jobId: string; prepared?: true }[] = [];
  const [removed, unpushed]: [string[], string[]] = [[], []];
  const odd: { id?: string } = {};
  const repos = {
    listTrees: async () => trees,
    removeTree: async (jobId: string) => removed.push(jobId) > 0,
    isUnpushed: async (jobId: string) => {
      if (jobId === odd.id) throw new Error("its repository is not there any more");
      return unpushed.includes(jobId);
    },
  } as unknown as RunnerDeps["repos"];
  const config = aConfig({ AGENTICORE_RETENTION_WORKTREES: "1000" });
  const prepare = async (facts: Partial<WorktreeRecord> = {}) => {
    const { job } = await store.submit(aNewJob({ tenant: "blue" }));
    const claim = await store.claim(aClaim());
    if (!claim) throw new Error("there was a job to claim");
    const now = new Date(clock.now()).toISOString();
    await store.saveWorktree(claim.lease, {
      ...{
        id: job.id,
        tenant: "blue",
        repo_url: "https://h/r",
        repo_key: "https://h/r",
        status: "ready",
        box: "box-1",
      },
      ...{ pool: "default", pushed: true, created_at: now, used_at: now, ...facts },
    });
    await store.finish(claim.lease, { status: "succeeded", patch: {} });
    trees.push({ jobId: job.id, prepared: true });
    return job.id;
  };
  return {
    ...{ world, store, trees, removed, unpushed, odd, prepare },
    tidy: () =>
      retainWorktrees({ ...{ store, clock, log: silentLog, config, repos, box: "box-1" }, newId: randomUUID }),
    claims: async () => {
      const claim = await store.claim(aClaim({ pools: [boxQueue("default", "box-1")] }));
      return claim && { ...claim.job.cleanup, tenant: claim.tenant };
    },
    [Symbol.asyncDispose]: world[Symbol.asyncDispose],
  };
}

test("a worktree that nobody used for its time is removed by one job, however often that is asked for", async () => {
  await using box = await aBox();
  const id = await box.prepare();
  const used = await box.prepare();
  box.world.clock.advance(999_000);
  await box.tidy();
  expect(await box.claims()).toBeUndefined();

  box.world.clock.advance(1_000);
  await box.store.submit(aNewJob({ tenant: "blue", job: { worktree_id: used }, queue: "elsewhere" }));
  for (let times = 0; times < 3; times += 1) await box.tidy();
  expect(await box.claims()).toEqual({ worktree_ids: [id], force: false, tenant: "blue" });
  expect(await box.claims()).toBeUndefined();
  expect(box.removed).toEqual([]);
});

test("one with work that was not pushed stays, and one of another box is not this one's to remove", async () => {
  await using box = await aBox();
  await box.prepare({ pushed: false });
  await box.prepare({ box: "box-2" });
  box.trees.pop();
  box.world.clock.advance(9_000_000);
  await box.tidy();

  expect(await box.claims()).toBeUndefined();
  expect(box.removed).toEqual([]);
});

test("a tree goes whose removal was cut off, or that was made anew elsewhere, or that nobody knows; but never work that is nowhere else", async () => {
  await using box = await aBox();
  const cutOff = await box.prepare({ status: "removed" });
  const elsewhere = await box.prepare({ box: "box-2" });
  const known = await box.prepare();
  const [unknown, worked, unprepared] = [aJobId(), aJobId(), aJobId()];
  box.trees.push({ jobId: unknown, prepared: true }, { jobId: worked, prepared: true }, { jobId: unprepared });
  box.unpushed.push(worked, cutOff);
  await box.tidy();

  expect(box.removed).toEqual([cutOff, elsewhere, unknown]);
  expect(box.removed).not.toContain(known);
});

test("a tree of which nobody can tell whether its work was pushed stays, and holds up no other", async () => {
  await using box = await aBox();
  const [odd, gone] = [aJobId(), aJobId()];
  box.odd.id = odd;
  box.trees.push({ jobId: odd, prepared: true }, { jobId: gone, prepared: true });
  await box.tidy();
  expect(box.removed).toEqual([gone]);
});
