import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { RepoOptions } from "../../../runner/git/repo-box.ts";
import { openRepos, type Repos } from "../../../runner/git/repos.ts";
import { systemClock } from "../../../shared/clock.node.ts";
import type { StoreLock } from "../../../shared/store.ts";
import { gatedGit } from "../../support/gated-git.ts";
import { gitIn, personRepo, scratch } from "../../support/sample-repo.ts";
import { sqliteWorld } from "../../support/sqlite-world.ts";
import { aJob, gitBinary, never } from "./a-desk.ts";

const hourMs = 3_600_000;

/** A disk that several boxes share, one store for their locks, and a person's repository. */
async function sharedDisk() {
  const world = await sqliteWorld();
  const folder = scratch();
  const repo = personRepo(join(folder.path, "person"));
  const opened: Repos[] = [];
  const taken: StoreLock[] = [];
  const said: string[] = [];
  const store: NonNullable<RepoOptions["shared"]>["store"] = {
    takeLock: async (lock) => {
      taken.push(lock);
      return await world.store.takeLock(lock);
    },
    dropLock: (lock) => world.store.dropLock(lock),
  };
  const shared = { store, clock: systemClock, random: Math.random, newId: randomUUID };
  /** A box with a state, and trees unless told otherwise, on a disk of its own. */
  const box = async (name: string, more: Partial<RepoOptions> = {}) => {
    const options: RepoOptions = {
      reposRoot: join(folder.path, "shared/repos"),
      worktreeRoot: join(folder.path, name, "trees"),
      stateDir: join(folder.path, name, "state"),
      gitBinary,
      shared,
      log: (sentence) => said.push(`${name}: ${sentence}`),
      ...more,
    };
    const repos = await openRepos(options);
    opened.push(repos);
    const start = async (job = aJob(repo.path)) => {
      const prepared = await repos.prepare(job, never());
      return { job, prepared, tree: await repos.openWorktree(prepared, job, never()) };
    };
    return { repos, options, start };
  };
  /** A lock that nobody has can be taken by anybody. */
  const isFree = async (name: string) => {
    const free = await world.store.takeLock({ name, owner: "somebody", ttlMs: 1000 });
    await world.store.dropLock({ name, owner: "somebody" });
    return free;
  };
  return {
    ...{ path: folder.path, repo, box, shared, taken, said, isFree },
    [Symbol.asyncDispose]: async () => {
      for (const repos of opened) await repos[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

test("eight jobs at once on two boxes with one mirror: one clone, eight sound trees, and no lock is held after", async () => {
  await using disk = await sharedDisk();
  const boxes = [await disk.box("one"), await disk.box("two")];
  const started = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((n) => boxes[n % 2]?.start()));
  const trees = started.flatMap((each) => each?.tree ?? []);
  expect(trees).toHaveLength(8);
  expect(new Set(trees.map(({ mirror }) => mirror)).size).toBe(1);
  expect(new Set(trees.map(({ branch }) => branch)).size).toBe(8);
  for (const { path } of trees) expect(gitIn(path)("status", "--porcelain")).toBe("");
  const home = join(trees[0]?.mirror ?? "", "..");
  const key = home.slice(-12);
  for (const name of ["repo", "vault"]) expect(gitIn(join(home, name))("fsck", "--full", "--strict")).toBe("");
  expect(boxes.map(({ repos }) => repos.counters.fetches).reduce((sum, count) => sum + count)).toBe(1);
  expect(new Set(disk.taken.map(({ name }) => name))).toEqual(new Set([`clone:${key}`, `clone:${key}:trees`]));
  expect(new Set(disk.taken.map(({ ttlMs }) => ttlMs))).toEqual(new Set([60_000]));
  for (const { name } of disk.taken) expect(await disk.isFree(name)).toBe(true);
});

test("each box has its own warm trees, and what another box has is not touched", async () => {
  await using disk = await sharedDisk();
  const [one, two] = [await disk.box("one"), await disk.box("two")];
  const first = await one.start();
  await one.repos.close(first.tree, "reuse");
  const elsewhere = await two.start();
  expect(elsewhere.tree.fromPool).toBe(false);
  await two.repos.sweep();
  expect((await one.start()).tree.fromPool).toBe(true);
});

test("a job's branch on another box lives through this box's upkeep, whatever the agent has checked out", async () => {
  await using disk = await sharedDisk();
  const one = await disk.box("one");
  const two = await disk.box("two", { now: () => Date.now() + hourMs });
  const { tree } = await one.start();
  const git = gitIn(tree.path);
  git("switch", "-q", "--detach");
  await two.start();
  await two.repos.sweep();
  expect(git("rev-parse", tree.branch)).toBe(disk.repo.head());
  expect(existsSync(join(tree.mirror, "refs/heads", tree.branch))).toBe(true);
});

test("trees of both boxes go on when one of them has to fetch everything anew", async () => {
  await using disk = await sharedDisk();
  const [one, two] = [await disk.box("one"), await disk.box("two")];
  const { tree } = await one.start();
  disk.repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "another history");
  await two.start();
  rmSync(tree.vaultObjects, { recursive: true });
  const later = await two.start();
  expect(two.repos.counters.rebuilds).toBe(1);
  for (const path of [tree.path, later.tree.path])
    expect(gitIn(path)("fsck", "--full", "--connectivity-only")).toBe("");
  expect(later.tree.baseSha).not.toBe(tree.baseSha);
});

test("another box continues a tree that lies on the shared disk, and takes away those that do not", async () => {
  await using disk = await sharedDisk();
  const worktreeRoot = join(disk.path, "shared/worktrees");
  const [one, two] = [await disk.box("one", { worktreeRoot }), await disk.box("two", { worktreeRoot })];
  const { job, tree } = await one.start();
  writeFileSync(join(tree.path, "src/a.txt"), "half\n");
  const again = await two.repos.reopenWorktree(job, never());
  expect(again).toMatchObject({ path: tree.path, branch: tree.branch, reopened: true });
  expect(gitIn(tree.path)("status", "--porcelain")).toBe("M src/a.txt");

  const three = await disk.box("three");
  const lost = await three.start();
  rmSync(join(disk.path, "three"), { recursive: true });
  expect(await two.repos.reopenWorktree(lost.job, never())).toBeUndefined();
  expect(await two.repos.listTrees()).toMatchObject([{ jobId: job.id }]);
  expect(readdirSync(join(tree.mirror, "worktrees"))).toEqual([tree.admin]);
  expect(readdirSync(join(tree.mirror, "refs/heads"))).toEqual([tree.branch]);
});

test("warm trees of a box that never came back are forgotten after a week, by whoever is there", async () => {
  await using disk = await sharedDisk();
  const one = await disk.box("one");
  const { tree } = await one.start();
  await one.repos.close(tree, "reuse");
  rmSync(join(disk.path, "one"), { recursive: true });
  const entries = () => readdirSync(join(tree.mirror, "worktrees"));
  const soon = await disk.box("two", { now: () => Date.now() + 7.5 * 24 * hourMs });
  await soon.repos.sweep();
  expect(entries()).toHaveLength(1);
  const late = await disk.box("two", { now: () => Date.now() + 8.5 * 24 * hourMs });
  await late.repos.sweep();
  expect(entries()).toEqual([]);
});

test("a fetch whose lock is lost is stopped, leaves nothing, and asks for another attempt", async () => {
  await using disk = await sharedDisk();
  const gate = gatedGit(disk.path);
  let stolen = false;
  const store: typeof disk.shared.store = {
    ...disk.shared.store,
    takeLock: async (lock) => !stolen && (await disk.shared.store.takeLock(lock)),
  };
  const one = await disk.box("one", {
    gitBinary: join(disk.path, "bin/git"),
    shared: { ...disk.shared, store, ttlMs: 3_000 },
  });
  gate.hold("fetch");
  const job = aJob(disk.repo.path);
  const preparing = one.repos.prepare(job, never()).catch((error: unknown) => error);
  await gate.reached("fetch");
  stolen = true;
  expect(await preparing).toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("another runner has it"),
  });
  gate.release("fetch");
  stolen = false;
  const { tree } = await one.start(job);
  expect(gitIn(tree.path)("status", "--porcelain")).toBe("");
  await one.repos[Symbol.asyncDispose]();
  expect(readdirSync(join(tree.mirror, "..")).filter((name) => name.startsWith(".staging"))).toEqual([]);
});
