import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../../runner/git/repos.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

const hourMs = 3_600_000;

/** A desk whose clock the test moves. */
async function aClockedDesk() {
  const clock = { aheadMs: 0 };
  const desk = await aDesk({ now: () => Date.now() + clock.aheadMs });
  return { desk, clock, [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose]() };
}

test("trees are listed with their jobs, kept ones and strays too, and each is removed by its job", async () => {
  await using desk = await aDesk();
  const [live, kept] = [await desk.start(), await desk.start()];
  await desk.repos.close(kept.tree, "keep");
  const stray = aJob("x").id;
  mkdirSync(join(desk.path, "trees", stray));
  const listed = await desk.repos.listTrees();
  expect(new Map(listed.map(({ jobId, state }) => [jobId, state]))).toEqual(
    new Map([
      [live.job.id, "live"],
      [kept.job.id, "kept"],
      [stray, "unknown"],
    ]),
  );
  expect(listed.find(({ jobId }) => jobId === kept.job.id)).toMatchObject({
    repoUrl: desk.repo.path,
    branch: kept.tree.branch,
  });
  expect(await desk.repos.removeTree(kept.job.id)).toBe(true);
  expect(await desk.repos.removeTree(stray)).toBe(true);
  expect(await desk.repos.removeTree(stray)).toBe(false);
  expect(await desk.repos.removeTree("../state")).toBe(false);
  expect((await desk.repos.listTrees()).map(({ jobId }) => jobId)).toEqual([live.job.id]);
  expect(gitIn(live.tree.path)("status", "--porcelain")).toBe("");
  expect(readdirSync(join(live.tree.mirror, "refs/heads"))).toEqual([live.tree.branch]);
});

test("a tree that a job closed to us is deleted all the same", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  gitIn(tree.path)("-c", "alias.close=!mkdir -p shut/in && touch shut/in/x && chmod 000 shut/in shut", "close");
  await desk.repos.close(tree, "discard");
  await desk.repos[Symbol.asyncDispose]();
  expect(readdirSync(join(desk.path, "trees/.trash"))).toEqual([]);
});

test("what an earlier process did not get to delete is deleted at the next start", async () => {
  await using desk = await aDesk();
  mkdirSync(join(desk.path, "trees/.trash/old"), { recursive: true });
  await using again = await openRepos(desk.options);
  await again[Symbol.asyncDispose]();
  expect(existsSync(join(desk.path, "trees/.trash/old"))).toBe(false);
});

test("W-29: the sweep takes what ended jobs and cut-off starts left, and no tree that a job has", async () => {
  await using world = await aClockedDesk();
  const { desk, clock } = world;
  const [live, gone] = [await desk.start(), await desk.start({ baseRef: "main" })];
  const { place } = gone.prepared.source;
  gitIn(live.tree.path)("branch", "agenticore-0000000f");
  mkdirSync(join(place.home, ".staging-x"));
  await desk.repos.close(gone.tree, "reuse");
  const [pooled = ""] = readdirSync(join(desk.path, "trees/.pool"));
  renameSync(join(place.pool, `${pooled}.json`), join(place.pool, `${pooled}.taken-${aJob("x").id}`));
  writeFileSync(join(place.vault, "refs/agenticore/jobs", aJob("x").id), `${desk.repo.head()}\n`);
  await desk.repos.sweep();
  expect(readdirSync(join(desk.path, "trees/.pool"))).toEqual([pooled]);
  expect(readdirSync(join(place.mirror, "refs/heads")).sort()).toEqual(
    ["agenticore-0000000f", live.tree.branch].sort(),
  );

  clock.aheadMs = 25 * hourMs;
  await desk.repos.sweep();
  expect(readdirSync(join(desk.path, "trees/.pool"))).toEqual([]);
  expect(readdirSync(join(place.mirror, "worktrees"))).toEqual([live.tree.admin]);
  expect(readdirSync(join(place.mirror, "refs/heads"))).toEqual([live.tree.branch]);
  expect(readdirSync(join(place.vault, "refs/agenticore/jobs"))).toEqual([live.job.id]);
  expect(readdirSync(place.home).sort()).toEqual([".lock", ".repo.lock", ".trash", "repo", "vault"]);
  expect(gitIn(live.tree.path)("fsck")).toBe("");
});

test("the sweep of a start that was cut off leaves the tree that the job has got since", async () => {
  await using world = await aClockedDesk();
  const { desk, clock } = world;
  const gone = await desk.start();
  const live = await desk.start();
  await desk.repos.close(gone.tree, "reuse");
  const { pool } = gone.prepared.source.place;
  renameSync(join(pool, `${gone.tree.admin}.json`), join(pool, `${gone.tree.admin}.taken-${live.job.id}`));
  clock.aheadMs = hourMs;
  await desk.repos.sweep();

  expect(existsSync(join(live.tree.path, "README.md"))).toBe(true);
  expect(readdirSync(join(live.tree.mirror, "worktrees"))).toEqual([live.tree.admin]);
  expect(readdirSync(join(desk.path, "trees/.pool"))).toEqual([]);
});

test("sweeps take nothing of starts that are under way, also where the clock has jumped meanwhile", async () => {
  await using world = await aClockedDesk();
  const { desk, clock } = world;
  const jobs = Array.from({ length: 12 }, () => aJob(desk.repo.path));
  const isLive = async (id: string) => jobs.some((job) => job.id === id);
  await desk.repos.close((await desk.start()).tree, "reuse");
  clock.aheadMs = hourMs;
  let isOver = false;
  const sweeping = (async () => {
    while (!isOver) await desk.repos.sweep({ isLive });
  })();
  try {
    // Each second one gets a warm tree, and nothing else has put a branch there.
    for (const [n, job] of jobs.entries()) {
      const prepared = await desk.repos.prepare(job, never());
      const tree = await desk.repos.openWorktree(prepared, job, never());
      expect(gitIn(tree.path)("rev-parse", tree.branch)).toBe(desk.repo.head());
      expect(gitIn(tree.path)("status", "--porcelain")).toBe("");
      await desk.repos.close(tree, n % 2 === 0 ? "discard" : "reuse");
    }
  } finally {
    isOver = true;
    await sweeping;
  }
});

test("warm trees that nobody used for a week go away", async () => {
  await using world = await aClockedDesk();
  const { desk, clock } = world;
  await desk.repos.close((await desk.start()).tree, "reuse");
  clock.aheadMs = 24 * hourMs;
  await desk.repos.sweep();
  expect(readdirSync(join(desk.path, "trees/.pool"))).toHaveLength(1);
  clock.aheadMs = 8 * 24 * hourMs;
  await desk.repos.sweep();
  expect(readdirSync(join(desk.path, "trees/.pool"))).toEqual([]);
  expect((await desk.start()).tree.fromPool).toBe(false);
});

test("W-25: what only ended jobs had goes away once no job has a tree, and never before", async () => {
  await using desk = await aDesk();
  const [ended, live] = [await desk.start(), await desk.start()];
  for (const { tree } of [ended, live]) {
    writeFileSync(join(tree.path, "x.txt"), tree.jobId);
    gitIn(tree.path)("add", "x.txt");
    gitIn(tree.path)("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x");
  }
  const objects = () => readdirSync(join(ended.tree.mirror, "objects")).filter((name) => name.length === 2).length;
  await desk.repos.close(ended.tree, "reuse");
  await desk.repos.sweep();
  expect(objects()).toBeGreaterThan(0);
  expect(gitIn(live.tree.path)("fsck")).not.toContain("missing");
  gitIn(live.tree.path)("tag", "agents-tag");
  gitIn(live.tree.path)("branch", "agents/branch");
  gitIn(live.tree.path)("pack-refs", "--all");
  await desk.repos.close(live.tree, "reuse");
  await desk.repos.sweep();
  expect(objects()).toBe(0);
  expect(gitIn(desk.path)("--git-dir", live.tree.mirror, "for-each-ref")).toBe("");
  const next = (await desk.start()).tree;
  expect(next.fromPool).toBe(true);
  expect(gitIn(next.path)("fsck")).toBe("");
});

test("W-25: an agent that takes its tree's entry away does not make the sweep take its work away", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  rmSync(join(tree.mirror, "worktrees", tree.admin), { recursive: true });
  await desk.repos.sweep();
  expect(readdirSync(join(tree.mirror, "refs/heads"))).toEqual([tree.branch]);
});

test.each(["refs/heads", "refs", "objects/pack", "objects"])(
  "the sweep takes nothing away where a link in the place of the mirror's `%s` leads",
  async (name) => {
    await using world = await aClockedDesk();
    const { desk, clock } = world;
    const { tree } = await desk.start();
    await desk.repos.close(tree, "discard");
    const outside = join(desk.path, "outside");
    for (const folder of ["heads", "tags", "pack"]) {
      mkdirSync(join(outside, folder), { recursive: true });
      writeFileSync(join(outside, folder, "agenticore-0000000f"), `${desk.repo.head()}\n`);
    }
    writeFileSync(join(outside, "agenticore-0000000f"), `${desk.repo.head()}\n`);
    const before = readdirSync(outside, { recursive: true }).sort();
    rmSync(join(tree.mirror, name), { recursive: true });
    symlinkSync(outside, join(tree.mirror, name));
    clock.aheadMs = hourMs;
    await desk.repos.sweep();
    await desk.repos[Symbol.asyncDispose]();

    expect(readdirSync(outside, { recursive: true }).sort()).toEqual(before);
    expect(gitIn((await desk.start()).tree.path)("fsck")).toBe("");
  },
);

test("many small fetches are packed, and trees live on", async () => {
  await using desk = await aDesk({ packAbove: 0 });
  const { tree, prepared } = await desk.start();
  const objects = join(prepared.source.place.vault, "objects");
  for (let n = 0; n < 8; n += 1) {
    desk.repo.commit(Object.fromEntries(Array.from({ length: 90 }, (_, k) => [`d/${n}-${k}.txt`, `${n} ${k}`])));
    await desk.repos.prepare(aJob(desk.repo.path), never());
  }
  expect(readdirSync(join(objects, "pack"))).toEqual([]);
  writeFileSync(join(objects, "maintenance.lock"), "");
  await desk.repos.sweep();
  expect(readdirSync(join(objects, "pack")).length).toBeGreaterThan(0);
  expect(gitIn(tree.path)("fsck", "--no-dangling")).toBe("");
  expect((await desk.start()).prepared).toMatchObject({ how: "present", baseSha: desk.repo.head() });
});
