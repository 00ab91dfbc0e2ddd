import { describe, expect, test } from "vitest";
import { aGithubWorld, type GithubWorld } from "../support/a-github-world.ts";
import type { SeenJob } from "../support/a-world.ts";
import { gatedGit } from "../support/gated-git.ts";

const task = "Add a file. [[scenario:write-commit file=added.txt content=hi]]";

/** One branch, one pull request, and Claude asked once, whatever happened in between. */
async function expectOnce({ world, repo, url }: GithubWorld, job: SeenJob, asked: number): Promise<void> {
  expect(job).toMatchObject({ status: "succeeded", attempt: 2, pr_url: `${url}/pull/1` });
  expect(job).not.toHaveProperty("pr_error");
  expect(repo.pulls).toMatchObject([{ head: job["branch"], state: "open", title: "Committed added.txt" }]);
  expect(repo.git("branch", "--list", "agenticore-*", "--format=%(refname:short)")).toBe(job["branch"]);
  expect(repo.git("rev-parse", String(job["branch"]))).toBe(job["commit"]);
  expect(world.model.requests()).toHaveLength(asked);
}

describe.concurrent("kill -9 of the runner: the next one ends the job with one pull request", () => {
  test("W-14: between the push and the pull request", async () => {
    await using at = await aGithubWorld();
    const { world, repo, url } = at;
    const git = gatedGit(world.home);
    git.hold("push", "after");
    const first = await world.serve({ direct: true, env: { PATH: git.path } });
    const { id } = await world.submit({ task, repo_url: url });
    await git.reached("push");
    expect(repo.git("branch", "--list", "agenticore-*")).not.toBe("");
    const asked = world.model.requests().length;

    await first.kill();
    git.release("push");
    await world.serve({ direct: true });

    await expectOnce(at, await world.ended(id), asked);
    const types = (await world.events(id)).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith("pr."))).toEqual(["pr.opened"]);
  });

  test("between the pull request and its answer", async () => {
    await using at = await aGithubWorld();
    const { world, github, repo, url } = at;
    const answer = github.hold(/^POST .*\/pulls$/);
    const first = await world.serve({ direct: true });
    const { id } = await world.submit({ task, repo_url: url });
    await answer.reached;
    expect(repo.pulls).toHaveLength(1);
    const asked = world.model.requests().length;

    await first.kill();
    answer.release();
    await world.serve({ direct: true });

    await expectOnce(at, await world.ended(id), asked);
    expect(
      github.seen.filter(({ method, path }) => `${method} ${path}` === "POST /repos/acme/widget/pulls"),
    ).toHaveLength(1);
  });

  test("on another box, whose own folders have nothing of it", async () => {
    await using at = await aGithubWorld();
    const { world, url } = at;
    const git = gatedGit(world.home);
    git.hold("push", "after");
    const first = await world.serve({ direct: true, env: { PATH: git.path } });
    const { id } = await world.submit({ task, repo_url: url });
    await git.reached("push");
    const asked = world.model.requests().length;

    await first.kill();
    git.release("push");
    const elsewhere = {
      AGENTICORE_WORKTREE_ROOT: `${world.home}/other/worktrees`,
      AGENTICORE_REPOS_ROOT: `${world.home}/other/repos`,
    };
    await world.serve({ direct: true, env: elsewhere });

    await expectOnce(at, await world.ended(id), asked);
  });
});
