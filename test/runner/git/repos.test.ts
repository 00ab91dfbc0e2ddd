import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, aJob, never } from "./a-desk.ts";

test("a job's work comes back as a commit on a branch of its own, and the person's tree is not touched", async () => {
  await using desk = await aDesk();
  desk.repo.write("src/a.txt", "not committed\n");
  const before = desk.repo.git("status", "--porcelain");
  const { job, prepared, tree } = await desk.start();
  expect(prepared).toMatchObject({ baseRef: "main", baseSha: desk.repo.head(), how: "fetched" });
  expect(tree).toMatchObject({ path: join(desk.path, "trees", job.id), branch: `agenticore-${job.id.slice(0, 8)}` });
  expect(readFileSync(join(tree.path, "src/a.txt"), "utf8")).toBe("a\na\n");

  writeFileSync(join(tree.path, "src/new.txt"), "new\n");
  writeFileSync(join(tree.path, "src/b.txt"), "");
  const left = await desk.repos.commitLeftovers(tree, "what was left", never());
  expect(left).toMatchObject({ files: 2, warnings: [] });
  const summary = await desk.repos.summarize(tree, never());
  expect(summary).toEqual({ commit: left.commit, diff: { files: 2, insertions: 1, deletions: 1 } });
  expect(gitIn(tree.path)("status", "--porcelain")).toBe("");

  const pushed = await desk.repos.push(tree, { commit: left.commit ?? "" }, never());
  expect(pushed).toEqual({ branch: tree.branch, commit: left.commit, how: "new" });
  expect(desk.repo.git("rev-parse", tree.branch)).toBe(left.commit);
  expect(desk.repo.git("log", "-1", "--format=%an <%ae> %s", tree.branch)).toBe(
    "Sample Person <sample@example.com> what was left",
  );
  expect(desk.repo.git("status", "--porcelain")).toBe(before);
  expect(desk.repo.git("worktree", "list").split("\n")).toHaveLength(1);

  expect(await desk.repos.push(tree, { commit: left.commit ?? "" }, never())).toMatchObject({ how: "same" });
  await desk.repos.close(tree, "discard");
  expect(existsSync(tree.path)).toBe(false);
  expect(await desk.repos.listTrees()).toEqual([]);
  expect(readdirSync(join(tree.mirror, "worktrees"))).toEqual([]);
});

test("nothing changed means no summary and no commit", async () => {
  await using desk = await aDesk();
  const { tree } = await desk.start();
  expect(await desk.repos.commitLeftovers(tree, "nothing", never())).toEqual({
    commit: undefined,
    files: 0,
    warnings: [],
  });
  expect(await desk.repos.summarize(tree, never())).toBeUndefined();
});

test("the next job of a repository starts in a warm tree that is clean and at the newest commit", async () => {
  await using desk = await aDesk();
  const first = await desk.start();
  writeFileSync(join(first.tree.path, "src/a.txt"), "changed\n");
  writeFileSync(join(first.tree.path, "junk.log"), "ignored\n");
  await desk.repos.close(first.tree, "reuse");
  expect(await desk.repos.listTrees()).toEqual([]);
  const newest = desk.repo.commit({ "src/c.txt": "c\n" }, "third");

  const second = await desk.start();
  expect(second.tree.fromPool).toBe(true);
  expect(second.tree.path).toBe(join(desk.path, "trees", second.job.id));
  const git = gitIn(second.tree.path);
  expect(git("rev-parse", "HEAD")).toBe(newest);
  expect(git("rev-parse", "--abbrev-ref", "HEAD")).toBe(second.tree.branch);
  expect(git("status", "--porcelain", "--ignored")).toBe("");
  expect(readFileSync(join(second.tree.path, "src/a.txt"), "utf8")).toBe("a\na\n");
  expect(git("worktree", "list", "--porcelain")).toContain(`locked agenticore job ${second.job.id}`);
  expect(git("branch", "--list")).not.toContain(first.tree.branch);
});

test("a later attempt finds the tree as the lost one left it", async () => {
  await using desk = await aDesk();
  const { job, tree } = await desk.start();
  gitIn(tree.path)("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "done half");
  writeFileSync(join(tree.path, "src/a.txt"), "half\n");
  writeFileSync(join(tree.mirror, "worktrees", tree.admin, "index.lock"), "");
  const again = await desk.repos.reopenWorktree(job, never());
  expect(again).toMatchObject({ path: tree.path, branch: tree.branch, baseSha: tree.baseSha, reopened: true });
  expect(gitIn(tree.path)("status", "--porcelain")).toBe("M src/a.txt");
  expect(await desk.repos.reopenWorktree(aJob(desk.repo.path), never())).toBeUndefined();
});
