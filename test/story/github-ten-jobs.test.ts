import { join } from "node:path";
import { expect, test } from "vitest";
import { aGithubWorld, type GithubWorld } from "../support/a-github-world.ts";
import { startRedis } from "../support/a-redis.ts";
import { eventually } from "../support/eventually.ts";
import type { FakeRepo } from "../support/github/start-github.ts";

const defaults = ["main", "master", "trunk", "develop", "release/2.0"];
const profiles = {
  plain: "extends: code\ncheckpoints: push\n",
  draft: "extends: plain\npr:\n  draft: true\n",
  labelled: "extends: plain\npr:\n  labels: [bot]\n",
};

/** A repository with a default branch of this name, and an older branch beside it. */
function aRepo({ github }: GithubWorld, branch: string): FakeRepo {
  const repo = github.repo(`acme/${branch.replace("/", ".")}`);
  repo.git("branch", "older", "main~1");
  if (branch !== "main") repo.git("branch", "-m", "main", branch);
  repo.facts.defaultBranch = branch;
  return repo;
}

/** A runner on a box of its own: it has nothing in common with the other one but Redis and GitHub. */
async function aBox({ world }: GithubWorld, name: string) {
  for (const [profile, text] of Object.entries(profiles))
    world.write(`${name}/data/profiles/${profile}/profile.yml`, text);
  return await world.runner({
    AGENTICORE_POD_NAME: name,
    AGENTICORE_MAX_PARALLEL_JOBS: "5",
    CLAUDE_CODE_HOME_DIR: join(world.home, name),
    AGENTICORE_DATA_DIR: join(world.home, name, "data"),
    AGENTICORE_REPOS_ROOT: join(world.home, name, "repos"),
    AGENTICORE_WORKTREE_ROOT: join(world.home, name, "worktrees"),
    AGENTICORE_JOBS_DIR: join(world.home, name, "jobs"),
  });
}

test("ten jobs over five repositories, three profiles and two boxes, one of which is lost: ten right pull requests into ten right branches, none twice", {
  timeout: 300_000,
}, async () => {
  await using redis = await startRedis();
  await using at = await aGithubWorld({
    env: (github) => ({
      GITHUB_TOKEN: github.token(),
      REDIS_URL: redis.url,
      AGENTICORE_LEASE_SECONDS: "6",
      AGENTICORE_CHECKPOINT_SECONDS: "1",
    }),
  });
  const { world, github } = at;
  const repos = defaults.map((branch) => aRepo(at, branch));
  await world.serve({ direct: true, args: ["--no-runner"] });
  const [first, second] = await Promise.all([aBox(at, "first"), aBox(at, "second")]);
  const runners = async () => (await world.call("GET", "/runners")).body["count"];
  await eventually(async () => (await runners()) === 2, { what: "both are announced" });

  const asked = await Promise.all(
    repos.flatMap((repo, index) =>
      [repo.facts.defaultBranch, "older"].map(async (base, second) => {
        const number = 2 * index + second;
        const profile = Object.keys(profiles)[number % 3] ?? "";
        const task = `Add. [[scenario:write-commit file=f${number}.txt]] [[hold:all@1]]`;
        const repo_url = github.url(`acme/${repo.facts.name}`);
        // Who names no branch means the repository's own.
        const base_ref = base === "older" ? { base_ref: base } : {};
        const { id } = await world.submit({ task, repo_url, profile, ...base_ref });
        return { id, repo, base, profile, file: `f${number}.txt` };
      }),
    ),
  );
  const kept = ({ id, repo, file }: (typeof asked)[number]): boolean =>
    repo.git("for-each-ref", `refs/agenticore/${id}`) !== "" &&
    repo.git("ls-tree", "--name-only", `refs/agenticore/${id}`).split("\n").includes(file);
  await eventually(() => asked.every(kept), {
    what: () => `the work of all is under way; ${first.stderr()}${second.stderr()}`,
  });
  const before = await Promise.all(asked.map(({ id }) => world.job(id)));
  const lost = before.filter((job) => job["pod_name"] === "first").map(({ id }) => id);
  expect(lost).toHaveLength(5);
  await first.kill();
  world.model.release("all");

  for (const { id, repo, file, base, profile } of asked) {
    const job = await world.ended(id, 120_000);
    const attempt = lost.includes(id) ? 2 : 1;
    expect(job).toMatchObject({ status: "succeeded", base_ref: base, profile, pod_name: "second", attempt });
    const own = repo.pulls.filter(({ head }) => head === job["branch"]);
    expect(own).toMatchObject([
      { base, draft: profile === "draft", labels: profile === "labelled" ? ["bot"] : [], state: "open" },
    ]);
    expect(job["pr_url"]).toBe(`${github.url(`acme/${repo.facts.name}`)}/pull/${own[0]?.number}`);
    const branch = String(job["branch"]);
    expect(repo.git("diff", "--name-only", base, branch)).toBe(file);
    expect(repo.git("merge-base", base, branch)).toBe(repo.git("rev-parse", base));
  }
  for (const repo of repos) {
    expect(repo.pulls.map(({ base }) => base).toSorted()).toEqual([repo.facts.defaultBranch, "older"].toSorted());
    expect(repo.git("branch", "--list", "agenticore-*").split("\n")).toHaveLength(2);
    expect(repo.git("for-each-ref", "refs/agenticore")).toBe("");
  }
  expect(await second.end("SIGTERM")).toBe(0);
  expect(world.jobProcesses()).toEqual([]);
});
