import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { startRedis } from "../support/a-redis.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gatedGit } from "../support/gated-git.ts";
import { gitIn } from "../support/sample-repo.ts";

/** An API, and boxes that have nothing in common but a Redis and a shared folder. */
async function sharedBoxes(settings: Readonly<Record<string, string>> = {}) {
  const redis = await startRedis();
  const repo = await sampleRepo();
  const world = await aWorld({
    REDIS_URL: redis.url,
    AGENTICORE_ALLOWED_REPOS: repo.path,
    AGENTICORE_MAX_PARALLEL_JOBS: "4",
    ...settings,
  });
  const root = join(world.home, "shared");
  const sharing = { AGENTICORE_SHARED_FS_ROOT: root };
  const ready = await world.cli(["init-shared-fs", "--shared-root", root]);
  if (ready.code !== 0) throw new Error(ready.stderr);
  await world.serve({ direct: true, args: ["--no-runner"], env: sharing });
  const client = new Redis(redis.url);
  return {
    ...{ world, repo, root, redis: client },
    box: (name: string, env: Readonly<Record<string, string>> = {}) =>
      world.runner({
        ...sharing,
        AGENTICORE_POD_NAME: name,
        AGENTICORE_DATA_DIR: join(world.home, name, "data"),
        AGENTICORE_WORKTREE_ROOT: join(world.home, name, "trees"),
        ...env,
      }),
    locks: () => client.keys("agenticore:lock:*"),
    [Symbol.asyncDispose]: async () => {
      client.disconnect();
      await world[Symbol.asyncDispose]();
      await repo[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

test("eight jobs of one repository at once on two boxes with one clone cache: all succeed, the cache is sound, no lock is left", async () => {
  await using boxes = await sharedBoxes();
  const { world, repo, root } = boxes;
  const runners = [await boxes.box("one"), await boxes.box("two")];
  const jobs = await Promise.all(
    [0, 1, 2, 3, 4, 5, 6, 7].map((number) =>
      world.submit({ task: `Add. [[scenario:write-commit file=f${number}.txt]] [[hold:all]]`, repo_url: repo.path }),
    ),
  );
  for (const { id } of jobs) await world.until(id, ({ phase }) => phase === "running");
  world.model.release("all");

  for (const [number, { id }] of jobs.entries()) {
    const job = await world.ended(id);
    expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(gitIn(repo.path)("diff", "--name-only", "main", String(job["branch"]))).toBe(`f${number}.txt`);
  }
  const [key = ""] = readdirSync(join(root, "repos"));
  // Commits of jobs dangle there once their trees wait for the next ones.
  for (const name of ["repo", "vault"])
    expect(gitIn(join(root, "repos", key, name))("fsck", "--full", "--strict", "--no-dangling")).toBe("");
  expect(await boxes.locks()).toEqual([]);
  expect(readdirSync(join(root, "jobs")).toSorted()).toEqual(jobs.map(({ id }) => `${id}.json`).toSorted());
  for (const runner of runners) expect(await runner.end("SIGTERM")).toBe(0);
  for (const name of ["one", "two"])
    expect(readdirSync(join(world.home, name, "trees")).filter((each) => !each.startsWith("."))).toEqual([]);
});

test.concurrent("a box that dies with the lock of a clone cache holds the others up for no longer than the lock's time", async () => {
  await using boxes = await sharedBoxes({ AGENTICORE_LEASE_SECONDS: "4", AGENTICORE_MAX_PARALLEL_JOBS: "1" });
  const { world, repo, redis } = boxes;
  const git = gatedGit(world.home);
  const one = await boxes.box("one", { PATH: git.path });
  git.hold("fetch");
  const first = await world.submit({ task: "Say hello. [[scenario:text]]", repo_url: repo.path });
  await git.reached("fetch");
  const [lock = ""] = await boxes.locks();
  expect(lock).toMatch(/^agenticore:lock:clone:[0-9a-f]{12}$/);
  const owner = await redis.hget(lock, "owner");
  const two = await boxes.box("two", { PATH: git.path });
  const second = await world.submit({ task: "Say hello. [[scenario:text]]", repo_url: repo.path });
  await world.until(second.id, ({ phase }) => phase === "cloning");
  // It is renewed for as long as the work takes.
  await eventually(async () => (await redis.pttl(lock)) < 3_000);
  await eventually(async () => (await redis.pttl(lock)) > 3_500);
  expect(await redis.hget(lock, "owner")).toBe(owner);

  await one.killGroup();
  const leftMs = await redis.pttl(lock);
  const killedAt = performance.now();
  rmSync(join(world.home, "gates/before/fetch.reached"));
  await git.reached("fetch");
  expect(performance.now() - killedAt).toBeGreaterThan(leftMs - 100);
  expect(performance.now() - killedAt).toBeLessThan(leftMs + 8_000);
  expect(await redis.hget(lock, "owner")).not.toBe(owner);
  git.release("fetch");

  expect(await world.ended(second.id)).toMatchObject({ status: "succeeded", attempt: 1, pod_name: "two" });
  expect(await world.ended(first.id)).toMatchObject({ status: "succeeded", attempt: 2, pod_name: "two" });
  expect(await two.end("SIGTERM")).toBe(0);
  expect(await boxes.locks()).toEqual([]);
});

test.concurrent("with its worktree on the shared disk another box continues the work of one that died, in the same session", async () => {
  await using boxes = await sharedBoxes({ AGENTICORE_LEASE_SECONDS: "4" });
  const { world, repo, root } = boxes;
  const shared = { AGENTICORE_WORKTREE_ROOT: join(root, "worktrees") };
  const one = await boxes.box("one", shared);
  const { id } = await world.submit({ task: "Work. [[scenario:slow once=yes]]", repo_url: repo.path });
  const before = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
  await eventually(() => existsSync(join(String(before["worktree_path"]), "heartbeat.txt")));
  writeFileSync(join(String(before["worktree_path"]), "half.txt"), "half\n");
  await one.killGroup();

  const two = await boxes.box("two", shared);
  const job = await world.ended(id);
  expect(job).toMatchObject({ status: "succeeded", attempt: 2, pod_name: "two", branch: before["branch"] });
  expect(job["worktree_path"]).toBe(before["worktree_path"]);
  const opened = (await world.events(id)).filter(({ type }) => type === "worktree.opened");
  expect(opened.map(({ data }) => data["from"])).toEqual(["new", "continued"]);
  expect(gitIn(repo.path)("show", `${job["branch"]}:half.txt`)).toBe("half");
  expect(await two.end("SIGTERM")).toBe(0);
  expect(readdirSync(join(root, "worktrees")).filter((name) => !name.startsWith("."))).toEqual([]);
});

test.concurrent("a worktree that one box has prepared on the shared disk serves jobs on the other one too, and either removes it", async () => {
  await using boxes = await sharedBoxes();
  const { world, repo, root } = boxes;
  const shared = { AGENTICORE_WORKTREE_ROOT: join(root, "worktrees") };
  const record = async (id: string) => (await world.call("GET", `/worktrees/${id}`)).body["worktree"] as SeenJob;
  const work = async (task: string, worktree_id: string) =>
    await world.ended((await world.submit({ task, worktree_id })).id);
  const one = await boxes.box("one", shared);
  const asked = (await world.call("POST", "/worktrees", { repo_url: repo.path })).body["job"] as SeenJob;
  expect(await world.ended(asked.id)).toMatchObject({ kind: "prepare", status: "succeeded", pod_name: "one" });
  const tree = await record(asked.id);
  expect(tree).toMatchObject({ status: "ready", path: join(root, "worktrees", asked.id) });
  const first = await work("One. [[scenario:write-commit file=one.txt]]", asked.id);
  expect(first).toMatchObject({ status: "succeeded", pod_name: "one", worktree_path: tree["path"] });
  expect(await one.end("SIGTERM")).toBe(0);

  const two = await boxes.box("two", shared);
  const second = await work("Two. [[scenario:leave-uncommitted file=two.txt content=two]]", asked.id);
  expect(second).toMatchObject({ status: "succeeded", pod_name: "two", worktree_path: tree["path"] });
  expect((await world.events(second.id)).map(({ type }) => type)).not.toContain("repo.fetched");
  expect(gitIn(repo.path)("diff", "--name-only", "main", String(tree["branch"]))).toBe("one.txt\ntwo.txt");
  expect(await record(asked.id)).toMatchObject({ status: "ready", job: second.id, pushed: true });
  const { jobs = [] } = (await world.call("POST", "/worktrees/cleanup", { worktree_ids: [asked.id] })).body;
  const [removal] = jobs as SeenJob[];
  expect(await world.ended(removal?.id ?? "")).toMatchObject({ status: "succeeded", pod_name: "two" });
  await eventually(() => !existsSync(String(tree["path"])));
  expect(await record(asked.id)).toMatchObject({ status: "removed" });
  expect(await two.end("SIGTERM")).toBe(0);
  expect(await boxes.locks()).toEqual([]);
});

test.concurrent("without Redis a shared folder is used with a warning that says what to set", async () => {
  await using world = await aWorld();
  const root = join(world.home, "shared");
  await world.cli(["init-shared-fs", "--shared-root", root]);
  const runner = await world.runner({ AGENTICORE_SHARED_FS_ROOT: root });
  expect(runner.stderr()).toContain("Set REDIS_URL before another does.");
});
