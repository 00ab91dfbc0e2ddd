import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startRedis } from "../support/a-redis.ts";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gatedGit } from "../support/gated-git.ts";
import { processesUnder } from "../support/leftovers.ts";
import { gitIn } from "../support/sample-repo.ts";

test("a runner that stands still between the proof of its lease and its push pushes nothing any more: the next one's work is the job's", async () => {
  await using redis = await startRedis();
  await using repo = await sampleRepo();
  await using world = await aWorld({
    REDIS_URL: redis.url,
    AGENTICORE_LEASE_SECONDS: "6",
    AGENTICORE_ALLOWED_REPOS: repo.path,
  });
  /** A runner with folders of its own, whose git waits before it pushes. */
  const aBox = async (name: string) => {
    const at = (folder: string) => join(world.home, name, folder);
    mkdirSync(at("git"), { recursive: true });
    const git = gatedGit(at("git"));
    git.hold("push");
    const runner = await world.runner({
      PATH: git.path,
      AGENTICORE_POD_NAME: name,
      AGENTICORE_DATA_DIR: at("data"),
      AGENTICORE_REPOS_ROOT: at("repos"),
      AGENTICORE_WORKTREE_ROOT: at("worktrees"),
      AGENTICORE_JOBS_DIR: at("jobs"),
    });
    return { runner, git, pushes: () => processesUnder("GIT_DIR", join(world.home, name)).length };
  };
  await world.serve({ direct: true, args: ["--no-runner"] });
  const first = await aBox("box-1");
  const task = "Add a file. [[scenario:write-commit file=added.txt content=hi]]";
  const { id } = await world.submit({ task, repo_url: repo.path });
  await first.git.reached("push");
  first.runner.signal("SIGSTOP");
  const second = await aBox("box-2");
  await second.git.reached("push");
  first.git.release("push");
  await eventually(() => first.pushes() === 0, { what: "the first push is over" });
  second.git.release("push");
  const done = await world.ended(id);
  first.runner.signal("SIGCONT");

  expect(done).toMatchObject({ status: "succeeded", attempt: 2, pod_name: "box-2" });
  const git = gitIn(repo.path);
  expect(git("branch", "--list", "agenticore-*", "--format=%(refname:short) %(objectname)")).toBe(
    `${done["branch"]} ${done["commit"]}`,
  );
  expect(git("log", "--format=%s", `main..${done["branch"]}`)).toBe("feat: add added.txt");
  for (const { runner } of [first, second]) expect(await runner.end("SIGTERM")).toBe(0);
  expect(world.jobProcesses()).toEqual([]);
});
