import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gatedGit } from "../support/gated-git.ts";
import { gitIn } from "../support/sample-repo.ts";

const task = "Please add a file. [[scenario:write-commit file=added.txt]]";
const phases = [
  { word: "ls-remote", phase: "cloning" },
  { word: "worktree", phase: "preparing" },
  { word: "push", phase: "publishing" },
] as const;

describe.concurrent("a job is stopped while git does not come to an end", () => {
  test.for(phases)(
    "cancelled in phase $phase: over within 5 s, with no git left and no branch",
    async ({ word, phase }) => {
      await using world = await aWorld();
      await using repo = await sampleRepo();
      const git = gatedGit(world.home);
      git.hold(word);
      await world.serve({ direct: true, env: { PATH: git.path } });
      const { id } = await world.submit({ task, repo_url: repo.path });
      await git.reached(word);
      await world.until(id, (job) => job["phase"] === phase);

      const asked = performance.now();
      await world.call("POST", `/jobs/${id}/cancel`);
      const job = await world.ended(id);

      expect(performance.now() - asked).toBeLessThan(6_500);
      expect(job).toMatchObject({ status: "cancelled", error_code: "cancelled", attempt: 1 });
      expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
      await eventually(() => world.processes().length === 0, { deadlineMs: 5_000, what: "no git is left" });
      expect(world.remains()).toEqual([]);

      git.release(word);
      const next = await world.submit({ task, repo_url: repo.path });
      expect(await world.ended(next.id)).toMatchObject({ status: "succeeded", attempt: 1 });
    },
  );

  test.for(phases)(
    "a second signal in phase $phase gives the job back, and the next server does it once",
    async ({ word, phase }) => {
      await using world = await aWorld();
      await using repo = await sampleRepo();
      const git = gatedGit(world.home);
      git.hold(word);
      const first = await world.serve({ direct: true, env: { PATH: git.path } });
      const { id } = await world.submit({ task, repo_url: repo.path, max_attempts: 1 });
      await git.reached(word);
      await world.until(id, (job) => job["phase"] === phase);

      first.signal("SIGTERM");
      await eventually(() => first.stderr().includes("Draining"));
      const again = setInterval(() => first.signal("SIGTERM"), 400);
      await first.gone.finally(() => clearInterval(again));
      expect(world.jobProcesses()).toEqual([]);
      git.release(word);
      await world.serve({ direct: true });
      const job = await world.ended(id);

      expect(job).toMatchObject({
        status: "succeeded",
        attempt: 2,
        attempts: [{ reason: "drained" }, { reason: "ended" }],
      });
      expect(gitIn(repo.path)("log", "--format=%s", `main..${job["branch"]}`)).toBe("feat: add added.txt");
      expect(world.remains()).toEqual([]);
    },
  );
});

test("a publication that is cancelled loses nothing of the work: it is published later, and not done again", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const config = (...args: string[]) => gitIn(repo.path)("config", ...args);
  config("receive.hideRefs", "refs/heads");
  const git = gatedGit(world.home);
  await world.serve({ direct: true, env: { PATH: git.path } });
  const { id } = await world.submit({ task, repo_url: repo.path });
  expect(await world.ended(id)).toMatchObject({ status: "failed", error_code: "push_rejected" });
  config("--unset", "receive.hideRefs");
  const asked = world.model.requests().length;

  git.hold("push");
  expect((await world.call("POST", `/jobs/${id}/publish`)).status).toBe(200);
  await git.reached("push");
  await world.call("POST", `/jobs/${id}/cancel`);
  expect(await world.ended(id)).toMatchObject({ status: "cancelled" });
  git.release("push");
  expect((await world.call("POST", `/jobs/${id}/publish`)).status).toBe(200);

  const job = await world.ended(id);
  expect(job).toMatchObject({ status: "succeeded" });
  expect(gitIn(repo.path)("log", "--format=%s", `main..${job["branch"]}`)).toBe("feat: add added.txt");
  expect(world.model.requests().length).toBe(asked);
});

test("the tree of a failed job is kept for its retention, and then taken away", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const first = await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Go. [[scenario:invalid]]", repo_url: repo.path });
  const job = await world.ended(id);
  expect(job).toMatchObject({ status: "failed", error_code: "claude_failed" });
  expect(existsSync(join(String(job["worktree_path"]), "README.md"))).toBe(true);

  await first.end("SIGTERM");
  await world.serve({ direct: true, env: { AGENTICORE_RETENTION_FAILED: "0" } });

  await eventually(() => !existsSync(String(job["worktree_path"])), { what: "the tree is taken away" });
  expect(await world.job(id)).toMatchObject({ status: "failed" });
});
