import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../../runner/git/repos.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, aJob, type Desk, never } from "./a-desk.ts";

const poolOf = (desk: Desk) => readdirSync(join(desk.path, "trees/.pool")).length;

test("the pool keeps as many trees as it may, and the others go away", async () => {
  await using desk = await aDesk({ poolSize: 1 });
  const [one, two] = [await desk.start(), await desk.start()];
  await desk.repos.close(one.tree, "reuse");
  await desk.repos.close(two.tree, "reuse");
  expect(poolOf(desk)).toBe(1);
  expect(existsSync(two.tree.path)).toBe(false);
  expect(readdirSync(join(one.tree.mirror, "worktrees"))).toHaveLength(1);
});

test.for(["its move was noted nowhere", "it was claimed and moved", "it was claimed"])(
  "a start from a warm tree that was cut off when %s is done again, and nothing of it is left",
  async (when) => {
    await using desk = await aDesk({ poolSize: 1 });
    const first = await desk.start();
    await desk.repos.close(first.tree, "reuse");
    const { job, prepared, tree } =
      when === "it was claimed" ? { ...first, job: aJob(desk.repo.path) } : await desk.start();
    expect(tree.admin).toBe(first.tree.admin);
    const { trees, pool } = prepared.source.place;
    // Of what comes last, nothing was done.
    for (const ending of ["json", "index"]) rmSync(join(trees, `${job.id}.${ending}`), { force: true });
    if (when !== "its move was noted nowhere") {
      rmSync(join(pool, `${tree.admin}.json`), { force: true });
      writeFileSync(join(pool, `${tree.admin}.taken-${job.id}`), "{}");
    }

    const again = await desk.start({ id: job.id });

    expect(again.tree).toMatchObject({
      path: join(desk.path, "trees", job.id),
      branch: `agenticore-${job.id.slice(0, 8)}`,
    });
    expect(readdirSync(join(tree.mirror, "worktrees"))).toEqual([again.tree.admin]);
    expect(readdirSync(join(desk.path, "trees/.pool"))).toEqual([]);
    expect(readdirSync(pool).filter((name) => name.includes(".taken-"))).toEqual([]);
    expect(gitIn(again.tree.path)("status", "--porcelain")).toBe("");
  },
);

test("no pool is kept where its size is 0", async () => {
  await using desk = await aDesk({ poolSize: 0 });
  await desk.repos.close((await desk.start()).tree, "reuse");
  expect((await desk.start()).tree.fromPool).toBe(false);
});

test("whatever a job did to its files, the next one finds them as they were committed", async () => {
  await using desk = await aDesk();
  desk.repo.commit({ "bin/run.sh": "#!/bin/sh\n", "data/keep.txt": "keep\n" });
  desk.repo.git("update-index", "--chmod=+x", "bin/run.sh");
  desk.repo.git("commit", "-q", "-m", "mode");
  const { tree } = await desk.start();
  const at = (name: string) => join(tree.path, name);
  chmodSync(at("bin/run.sh"), 0o644);
  rmSync(at("data"), { recursive: true });
  writeFileSync(at("data"), "now a file");
  rmSync(at("src/a.txt"));
  mkdirSync(at("src/a.txt"));
  writeFileSync(at("src/a.txt/inside.log"), "x");
  // Same size and same time as before: only what the system itself notes tells the difference.
  const { mtime } = statSync(at("src/b.txt"));
  writeFileSync(at("src/b.txt"), "X\n");
  utimesSync(at("src/b.txt"), mtime, mtime);
  writeFileSync(join(desk.path, "outside.txt"), "outside\n");
  rmSync(at("README.md"));
  linkSync(join(desk.path, "outside.txt"), at("README.md"));
  mkdirSync(at("ignored/deep"), { recursive: true });
  gitIn(tree.path)("init", "-q", "ignored/deep/repo");

  await desk.repos.close(tree, "reuse");
  const next = (await desk.start()).tree;
  expect(next.fromPool).toBe(true);
  const git = gitIn(next.path);
  expect(git("status", "--porcelain", "--ignored")).toBe("");
  for (const file of git("ls-files").split("\n"))
    expect(`${readFileSync(join(next.path, file), "utf8")}`).toBe(`${gitIn(desk.repo.path)("show", `HEAD:${file}`)}\n`);
  expect(statSync(join(next.path, "bin/run.sh")).mode & 0o111).not.toBe(0);
  expect(statSync(join(next.path, "README.md")).nlink).toBe(1);
  expect(readFileSync(join(desk.path, "outside.txt"), "utf8")).toBe("outside\n");
});

test("a merge, a rebase or a bisection that a job left is nothing to the next", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  const git = gitIn(tree.path);
  git("bisect", "start");
  git("bisect", "bad");
  git("update-ref", "MERGE_HEAD", "HEAD~1");
  await desk.repos.close(tree, "reuse");
  const next = (await desk.start()).tree;
  expect(next.fromPool).toBe(true);
  expect(gitIn(next.path)("status")).not.toMatch(/bisect|merg/i);
});

test("a tree whose job was lost never goes into the pool", async () => {
  await using desk = await aDesk();
  const { job } = await desk.start();
  const again = await desk.repos.reopenWorktree(job, never());
  if (again) await desk.repos.close(again, "reuse");
  expect(await desk.repos.listTrees()).toEqual([]);
  expect((await desk.start()).tree.fromPool).toBe(false);
});

test("a tree of a repository with submodules is not used again, since their folders are not cleaned", async () => {
  await using desk = await aDesk();
  desk.repo.commit({ ".gitmodules": "" });
  await desk.repos.close((await desk.start()).tree, "reuse");
  expect((await desk.start()).tree.fromPool).toBe(false);
});

test.each<[string, (tree: string, mirror: string) => void]>([
  ["is gone", (tree) => rmSync(tree, { recursive: true })],
  ["has lost git's entry", (_, mirror) => rmSync(join(mirror, "worktrees"), { recursive: true })],
  [
    "lost its HEAD",
    (_, mirror) =>
      readdirSync(join(mirror, "worktrees")).map((name) => rmSync(join(mirror, "worktrees", name, "HEAD"))),
  ],
  [
    "has a broken index",
    (_, mirror) =>
      readdirSync(join(mirror, "worktrees")).map((name) =>
        writeFileSync(join(mirror, "worktrees", name, "index"), "x"),
      ),
  ],
  ["was changed while it waited", (tree) => writeFileSync(join(tree, "src/a.txt"), "poison\n")],
  ["was given hidden files while it waited", (tree) => writeFileSync(join(tree, "poison.log"), "poison\n")],
])("a warm tree that %s does not keep a job from starting right", async (_, harm) => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  await desk.repos.close(tree, "reuse");
  const [name = ""] = readdirSync(join(desk.path, "trees/.pool"));
  harm(join(desk.path, "trees/.pool", name), tree.mirror);
  const next = (await desk.start()).tree;
  expect(gitIn(next.path)("status", "--porcelain", "--ignored")).toBe("");
  expect(readFileSync(join(next.path, "src/a.txt"), "utf8")).toBe("a\na\n");
  expect(gitIn(next.path)("symbolic-ref", "HEAD")).toBe(`refs/heads/${next.branch}`);
});

test("a warm tree goes to one job only, also when two processes start jobs at once", async () => {
  await using desk = await aDesk({ poolSize: 1 });
  await using other = await openRepos(desk.options);
  await desk.repos.close((await desk.start()).tree, "reuse");
  const open = async (repos: typeof other) => {
    const job = aJob(desk.repo.path);
    return await repos.openWorktree(await repos.prepare(job, never()), job, never());
  };
  const trees = await Promise.all([open(desk.repos), open(other), open(desk.repos), open(other)]);
  expect(trees.filter(({ fromPool }) => fromPool)).toHaveLength(1);
  expect(new Set(trees.map(({ admin }) => admin)).size).toBe(4);
});

test("a tree that fails while it is made leaves neither folder, entry nor branch", async () => {
  await using desk = await aDesk();
  const { prepared, tree } = await desk.start();
  const job = aJob(desk.repo.path);
  const stop = new AbortController();
  const opening = desk.repos.openWorktree(prepared, job, stop.signal);
  stop.abort(new Error("cancelled"));
  await expect(opening).rejects.toThrow("cancelled");
  expect(readdirSync(join(tree.mirror, "worktrees"))).toEqual([tree.admin]);
  expect(readdirSync(join(tree.mirror, "refs/heads"))).toEqual([tree.branch]);
  expect(existsSync(join(desk.path, "trees", job.id))).toBe(false);
});

test("what an earlier start of the job left without a record is cleared away", async () => {
  await using desk = await aDesk();
  const { job, prepared, tree } = await desk.start();
  rmSync(join(desk.path, "state", prepared.source.place.key, "trees"), { recursive: true });
  expect(await desk.repos.reopenWorktree(job, never())).toBeUndefined();
  const again = await desk.repos.openWorktree(prepared, job, never());
  expect([again.branch, again.admin, again.path]).toEqual([tree.branch, tree.admin, tree.path]);
  expect(readdirSync(join(tree.mirror, "worktrees"))).toEqual([tree.admin]);
});

test("a tree whose disk is away for the moment is not forgotten by others' clean-up", async () => {
  await using desk = await aDesk();
  const { job, tree } = await desk.start();
  renameSync(tree.path, join(desk.path, "unmounted"));
  await desk.repos.close((await desk.start()).tree, "discard");
  await desk.repos.sweep();
  renameSync(join(desk.path, "unmounted"), tree.path);
  expect(await desk.repos.reopenWorktree(job, never())).toMatchObject({ path: tree.path });
});
