import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { type SampleRepo, sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gatedGit } from "../support/gated-git.ts";
import { gitIn } from "../support/sample-repo.ts";

const task = "Add a file. [[scenario:write-commit file=added.txt content=hi]]";
const lazyTask = "Add a file. [[scenario:leave-uncommitted file=added.txt content=hi]]";

/** What holds after every crash: one attempt lost, one branch with the work on it once, and nothing else anywhere. */
async function expectDoneOnce(world: World, done: SeenJob, repo: SampleRepo): Promise<void> {
  expect(done).toMatchObject({ status: "succeeded", attempt: 2, diff: { files: 1, insertions: 1, deletions: 0 } });
  expect(done["attempts"]).toMatchObject([{ reason: "crashed" }, { reason: "ended" }]);
  const git = gitIn(repo.path);
  expect(git("branch", "--list", "agenticore-*", "--format=%(refname:short)")).toBe(done["branch"]);
  const isLazy = String(done["task"]).startsWith(lazyTask);
  // One line: a commit.
  const subject = isLazy ? /^Add a file\. \[\[scenario:leave-uncommitted .*$/ : /^feat: add added\.txt$/;
  expect(git("log", "--format=%s", `main..${done["branch"]}`)).toMatch(subject);
  expect(git("rev-parse", String(done["branch"]))).toBe(done["commit"]);
  const types = (await world.events(done.id)).map(({ type }) => type);
  expect(types.filter((type) => /^job\.(claimed|succeeded)$/.test(type))).toEqual([
    "job.claimed",
    "job.claimed",
    "job.succeeded",
  ]);
  const heard = world.model.requests().filter(({ session }) => session === done["session_id"]);
  for (const { userTexts } of heard) expect(userTexts.filter((text) => text === done["task"]).length).toBeLessThan(2);
  await eventually(() => world.jobProcesses().length === 0, { what: "nothing of the job lives" });
  expect(world.remains()).toEqual([]);
}

const crashes = [
  { word: "ls-remote", when: "before", phase: "cloning" },
  { word: "worktree", when: "before", phase: "preparing" },
  { word: "worktree", when: "after", phase: "preparing" },
  { word: "commit-tree", when: "after", phase: "publishing" },
  { word: "push", when: "before", phase: "publishing" },
  { word: "push", when: "after", phase: "publishing" },
] as const;

describe.concurrent("kill -9 of the server: the next one ends the job, and its work is done once", () => {
  test.for(crashes)("in phase $phase, $when git $word", async ({ word, when, phase }) => {
    await using world = await aWorld();
    await using repo = await sampleRepo();
    const git = gatedGit(world.home);
    const env = { PATH: git.path };
    git.hold(word, when);
    const first = await world.serve({ direct: true, env });
    const { id } = await world.submit({ task: word === "commit-tree" ? lazyTask : task, repo_url: repo.path });
    await git.reached(word);
    expect(await world.until(id, (job) => job["phase"] === phase)).toMatchObject({ status: "running" });

    await first.kill();
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing survives the server" });
    git.release(word);
    await world.serve({ direct: true, env });

    await expectDoneOnce(world, await world.ended(id), repo);
    const asked = world.model.requests().flatMap(({ userTexts }) => userTexts);
    // Claude had ended well: only what came after it is done again.
    if (phase === "publishing") expect(asked.filter((text) => text.startsWith("You were interrupted"))).toEqual([]);
  });

  test("when Claude has ended well and its work is committed, and the store could not be told of either", async () => {
    await using world = await aWorld();
    await using repo = await sampleRepo();
    const git = gatedGit(world.home);
    git.hold("commit-tree", "after");
    const first = await world.serve({ direct: true, env: { PATH: git.path } });
    const { id } = await world.submit({ task: `${lazyTask} [[hold:ending@1]]`, repo_url: repo.path });
    await world.model.waitFor(({ step }) => step === 1);
    await world.until(id, (job) => job["phase"] === "running");
    {
      // Whoever holds the embedded store's one lock keeps all others from writing.
      using store = new DatabaseSync(join(world.home, ".agenticore/agenticore.db"), { timeout: 10_000 });
      store.exec("BEGIN IMMEDIATE");
      world.model.release("ending");
      await git.reached("commit-tree");
      await first.kill();
    }
    git.release("commit-tree");
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing survives the server" });
    const asked = world.model.requests().length;
    await world.serve({ direct: true });
    const done = await world.ended(id);

    await expectDoneOnce(world, done, repo);
    expect(done["result"]).toMatchObject({ subtype: "success" });
    expect(done["cost_usd"]).toBeGreaterThan(0);
    expect(world.model.requests().length).toBe(asked);
  });

  test("of a job without a repository too, where neither the store nor the spool knows how Claude ended", async () => {
    await using world = await aWorld({ AGENTICORE_LEASE_SECONDS: "15" });
    const first = await world.serve({ direct: true });
    const { id } = await world.submit({
      task: "Write. [[scenario:leave-uncommitted file=note.txt]] [[hold:ending@1]]",
    });
    await world.model.waitFor(({ step }) => step === 1);
    await world.until(id, (job) => job["phase"] === "running");
    const endings = join(world.home, ".agenticore/spool/endings");
    {
      using store = new DatabaseSync(join(world.home, ".agenticore/agenticore.db"), { timeout: 10_000 });
      store.exec("BEGIN IMMEDIATE");
      world.model.release("ending");
      await eventually(() => existsSync(endings) && readdirSync(endings).some((name) => name.startsWith(id)));
      await first.kill();
    }
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing survives the server" });
    rmSync(endings, { recursive: true });
    const asked = world.model.requests().length;
    await world.serve({ direct: true });

    const done = await world.ended(id, 120_000);
    expect(done).toMatchObject({ status: "succeeded", attempt: 2, result: { subtype: "success" } });
    expect(done["cost_usd"]).toBeGreaterThan(0);
    expect(world.model.requests().length).toBe(asked);
  });

  test("in phase running, while the model thinks", async () => {
    await using world = await aWorld();
    await using repo = await sampleRepo();
    const first = await world.serve({ direct: true });
    const { id } = await world.submit({ task: `${task} [[hold:thinking@2]]`, repo_url: repo.path });
    await world.model.waitFor(({ step }) => step === 2);

    await first.kill();
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing survives the server" });
    world.model.release("thinking");
    await world.serve({ direct: true });

    await expectDoneOnce(world, await world.ended(id), repo);
  });
});
