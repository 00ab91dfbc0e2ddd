import { expect, test } from "vitest";
import { aGithubWorld } from "../support/a-github-world.ts";
import { eventually } from "../support/eventually.ts";

test("ten jobs over five repositories, three profiles and two runners, one of which is killed: ten right pull requests, none twice", {
  timeout: 300_000,
}, async () => {
  await using at = await aGithubWorld({ name: "acme/zero" });
  const { world, github } = at;
  world.write(".agenticore/profiles/draft/profile.yml", "extends: code\npr:\n  draft: true\n");
  world.write(".agenticore/profiles/labelled/profile.yml", "extends: code\npr:\n  labels: [bot]\n");
  const profiles = ["code", "draft", "labelled"];
  const repos = [at.repo, ...["one", "two", "three", "four"].map((name) => github.repo(`acme/${name}`))];
  for (const repo of repos) repo.git("branch", "develop", "main~1");
  await world.serve({ direct: true, args: ["--no-runner"] });
  const runner = (name: string) =>
    world.runner({ AGENTICORE_POD_NAME: name, AGENTICORE_LEASE_SECONDS: "6", AGENTICORE_MAX_PARALLEL_JOBS: "5" });
  const [first] = [await runner("first"), await runner("second")];

  const asked = await Promise.all(
    Array.from({ length: 10 }, async (_, number) => {
      const repo = repos[number % 5];
      const { owner = "", name = "" } = repo?.facts ?? {};
      const task = `Add. [[scenario:write-commit file=f${number}.txt]] [[hold:all@2]]`;
      const [base_ref, profile] = [number < 5 ? "main" : "develop", profiles[number % 3]];
      const { id } = await world.submit({ task, repo_url: github.url(`${owner}/${name}`), base_ref, profile });
      return { id, repo, file: `f${number}.txt`, base_ref, profile };
    }),
  );
  const running = async () =>
    ((await world.call("GET", "/jobs?status=running")).body["jobs"] as Record<string, unknown>[]).filter(
      (job) => job["pod_name"] === "first" && job["phase"] === "running",
    ).length;
  await eventually(async () => (await running()) > 0, { what: "the first runner has jobs at work" });
  await first.kill();
  world.model.release("all");

  for (const { id, repo, file, base_ref, profile } of asked) {
    const job = await world.ended(id, 120_000);
    expect(job).toMatchObject({ status: "succeeded", base_ref });
    const own = repo?.pulls.filter(({ head }) => head === job["branch"]) ?? [];
    expect(own).toMatchObject([
      { base: base_ref, draft: profile === "draft", labels: profile === "labelled" ? ["bot"] : [] },
    ]);
    expect(job["pr_url"]).toMatch(new RegExp(`/${repo?.facts.name}/pull/${own[0]?.number}$`));
    expect(repo?.git("diff", "--name-only", `${base_ref}...${job["branch"]}`)).toBe(file);
  }
  expect(repos.flatMap(({ pulls }) => pulls)).toHaveLength(10);
  const attempts = await Promise.all(asked.map(async ({ id }) => (await world.job(id))["attempt"]));
  expect(attempts.filter((attempt) => Number(attempt) > 1).length).toBeGreaterThan(0);
});
