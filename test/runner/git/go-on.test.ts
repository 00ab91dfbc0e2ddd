import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openRepos } from "../../../runner/git/repos.ts";
import { gitIn } from "../../support/sample-repo.ts";
import { aDesk, never } from "./a-desk.ts";
import { hostedDesk, work } from "./a-hosted-desk.ts";

test("a job whose tree is gone goes on from its branch at the repository, with what a reviewer put there", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree, job } = await desk.start({ repoUrl: server.url("src.git"), baseRef: "main" });
  const { branch, baseSha } = tree;
  const commit = await work(desk, tree, "one");
  await desk.repos.push(tree, { commit }, never());
  await desk.repos.close(tree, "reuse");
  const put = (on: string, file: string) => {
    const author = ["-c", "user.name=R", "-c", "user.email=r@example.com"];
    const clone = join(desk.path, file);
    const git = gitIn(join(desk.path));
    git("clone", "-q", "-b", on, join(desk.path, "served/src.git"), clone);
    writeFileSync(join(clone, file), "text\n");
    gitIn(clone)("add", file);
    gitIn(clone)(...author, "commit", "-q", "-m", file);
    gitIn(clone)("push", "-q");
  };
  put(branch, "review.txt");
  put("main", "meanwhile.txt");

  const prepared = await desk.repos.prepare({ ...job, branch, commit }, never());
  const again = await desk.repos.openWorktree(prepared, { ...job, branch, commit }, never());

  expect(prepared.goesOn).toMatchObject({ branch, whole: true });
  expect(again).toMatchObject({ branch, baseSha, reopened: true });
  expect(existsSync(join(again.path, "review.txt"))).toBe(true);
  const next = await work(desk, again, "two");
  expect((await desk.repos.summarize(again, never()))?.diff.files).toBe(2);
  expect(await desk.repos.push(again, { commit: next }, never())).toMatchObject({ branch, how: "updated" });
  expect(hosted("log", "--format=%s", branch).split("\n")[1]).toBe("review.txt");
});

test("what was never pushed, or another job's branch, is nothing to go on from", async () => {
  await using world = await hostedDesk();
  const { desk, server, hosted } = world;
  const { tree, job } = await desk.start({ repoUrl: server.url("src.git") });
  const commit = await work(desk, tree, "one");
  const prepare = async (branch: string) => (await desk.repos.prepare({ ...job, branch, commit }, never())).goesOn;
  expect(await prepare(tree.branch)).toBeUndefined();
  hosted("branch", tree.branch, "main");
  expect(await prepare(tree.branch)).toMatchObject({ whole: false });
  hosted("branch", "agenticore-00000000", "main");
  expect(await prepare("agenticore-00000000")).toBeUndefined();
});

test.for(["reuse", "discard", "keep"] as const)(
  "an attempt that stood still while a later one opened its tree again puts nothing away (%s)",
  async (end) => {
    await using desk = await aDesk();
    const { tree, job } = await desk.start();
    // Another process with the same folders.
    await using repos = await openRepos(desk.options);
    const again = await repos.reopenWorktree(job, never());
    await desk.repos.close(tree, end);
    await desk.repos.noteDone(tree, {});

    expect((await repos.listTrees())[0]).toMatchObject({ jobId: job.id, state: "live", path: tree.path });
    if (!again) throw new Error("the tree was there");
    const commit = await work(desk, again);
    expect(await repos.push(again, { commit }, never())).toMatchObject({ how: "new" });
    await repos.close(again, "keep");
    expect(await repos.reopenWorktree(job, never())).toMatchObject({ path: tree.path, done: false });
  },
);
