import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aGithubWorld, type GithubWorld } from "../support/a-github-world.ts";
import type { SeenJob } from "../support/a-world.ts";

const task = "Add a file. [[scenario:write-commit file=added.txt content=hi]]";

let at: GithubWorld;
beforeAll(async () => {
  at = await aGithubWorld();
  at.world.write(
    ".agenticore/profiles/dressed/profile.yml",
    "extends: code\npr:\n  draft: true\n  labels: [bot]\n  reviewers: [ada]\n",
  );
  await at.world.serve({ direct: true, env: { AGENTICORE_MAX_PARALLEL_JOBS: "6" } });
});
afterAll(() => at[Symbol.asyncDispose]());

const run = async (url: string, request: object = {}): Promise<SeenJob> =>
  await at.world.ended((await at.world.submit({ task, repo_url: url, ...request })).id);
/** What was asked of the model for this job. */
const asked = ({ session_id }: SeenJob) =>
  at.world.model.requests().filter(({ session }) => session !== undefined && session === session_id).length;

describe.concurrent("a pull request on GitHub", () => {
  test("W-50 W-52 W-53: of a private repository, goes from the job's branch into the one that the job came from", async () => {
    const repo = at.github.repo("acme/based");
    const url = at.github.url("acme/based");
    repo.git("branch", "develop", "main~1");

    const job = await run(url, { base_ref: "develop" });

    expect(job).toMatchObject({ status: "succeeded", pr_url: `${url}/pull/1`, base_ref: "develop" });
    expect(job).not.toHaveProperty("pr_error");
    expect(repo.pulls).toMatchObject([{ base: "develop", head: job["branch"], state: "open", draft: false }]);
    expect(repo.git("rev-parse", String(job["branch"]))).toBe(job["commit"]);
    expect(repo.pulls[0]).toMatchObject({
      title: "Committed added.txt",
      body: expect.stringContaining("1 file, +1 −0"),
    });
    const types = (await at.world.events(job.id)).map(({ type }) => type);
    const published = types.filter((type) => /^(?:work|branch|pr|job)\./.test(type)).slice(-4);
    expect(published).toEqual(["work.committed", "branch.pushed", "pr.opened", "job.succeeded"]);
  });

  test("W-53: of a job that changed nothing there is none, although its base differs from the default branch", async () => {
    const repo = at.github.repo("acme/unchanged");
    repo.git("branch", "develop", "main~1");
    const job = await run(at.github.url("acme/unchanged"), { task: "Look. [[scenario:text]]", base_ref: "develop" });
    expect(job).toMatchObject({ status: "succeeded", pr_error: { code: "no_changes" } });
    expect(job).not.toHaveProperty("commit");
    expect(repo.pulls).toEqual([]);
    expect(repo.git("branch", "--list", "agenticore-*")).toBe("");
  });

  test("W-51: two jobs of one repository have each its own", async () => {
    const repo = at.github.repo("acme/two");
    const jobs = await Promise.all([run(at.github.url("acme/two")), run(at.github.url("acme/two"))]);
    for (const job of jobs) {
      const own = repo.pulls.filter(({ number }) => String(job["pr_url"]).endsWith(`/pull/${number}`));
      expect(own).toMatchObject([{ head: job["branch"] }]);
    }
    expect(new Set(repo.pulls.map(({ head }) => head)).size).toBe(2);
  });

  test("W-56 W-57: what Claude left is in it, by an author, without secrets or files of ours", async () => {
    const repo = at.github.repo("acme/left");
    const command =
      "echo A=b > .env; echo key > id_rsa; echo kept > kept.txt; git config --list | grep -c user. || true";
    const job = await run(at.github.url("acme/left"), { task: `Go. [[scenario:run command="${command}"]]` });
    expect(job).toMatchObject({ status: "succeeded", diff: { files: 1 } });
    expect(repo.git("diff", "--name-only", "main", String(job["branch"]))).toBe("kept.txt");
    expect(repo.git("log", "-1", "--format=%an <%ae>", String(job["branch"]))).toBe(
      "Agenticore <agenticore@localhost>",
    );
    expect(job["warnings"]).toEqual([expect.stringContaining(".env")]);
    expect(repo.pulls[0]?.body).toContain(".env");
  });

  test("says which checks Claude ran, and how the last run of each ended; the job says the same", async () => {
    const repo = at.github.repo("acme/checked");
    const lines = ["sh test.sh", "echo true > test.sh", "sh test.sh", "sh lint.sh", "sh test.sh | cat"];
    const steps = lines.map((line, at) => `${at}="${line}"`).join(" ");

    const job = await run(at.github.url("acme/checked"), { task: `Go. [[scenario:commands ${steps}]]` });

    expect(job["checks"]).toEqual([
      { command: "sh test.sh", result: "passed", runs: 2 },
      { command: "sh lint.sh", result: "failed", exit_code: expect.any(Number), runs: 1 },
      { command: "sh test.sh | cat", result: "unknown", runs: 1 },
    ]);
    const body = String(repo.pulls[0]?.body);
    expect(body).toContain("- **Checks that Claude ran:**\n  - `sh test.sh` passed (the last of 2 runs)\n");
    expect(body).toMatch(/`sh lint.sh` \*\*failed\*\* with exit code \d+\n/);
  });

  test("is a draft with labels where the profile says so; a reviewer who is none is a warning", async () => {
    const repo = at.github.repo("acme/dressed");
    const job = await run(at.github.url("acme/dressed"), { profile: "dressed" });
    expect(job).toMatchObject({ status: "succeeded", warnings: [expect.stringContaining("A review by ada")] });
    expect(repo.pulls).toMatchObject([{ draft: true, labels: ["bot"] }]);
  });

  test("is renewed when the job runs again, and never opened twice", async () => {
    const repo = at.github.repo("acme/again");
    const first = await run(at.github.url("acme/again"));
    await at.world.call("POST", `/jobs/${first.id}/retry`);
    const second = await at.world.until(first.id, (job) => job["attempt"] === 2 && job.status === "succeeded");
    expect(second["pr_url"]).toBe(first["pr_url"]);
    expect(repo.pulls).toHaveLength(1);
    expect((await at.world.events(first.id)).filter(({ type }) => type === "pr.updated")).toHaveLength(1);
  });
});

describe.concurrent("who may not push is told before anything is spent", () => {
  test.each([
    ["archived", { isArchived: true }, {}, "forbidden"],
    ["readable", {}, { worker: "pull" }, "auth_failed"],
    ["foreign", {}, { worker: undefined }, "auth_failed"],
  ] as const)("a repository that is %s", async (...[name, facts, people, code]) => {
    const repo = at.github.repo(`acme/${name}`, facts);
    const role = "worker" in people ? people.worker : "push";
    if (role) repo.facts.people.set("worker", role);
    else repo.facts.people.delete("worker");

    const job = await run(at.github.url(`acme/${name}`));

    expect(job).toMatchObject({ status: "failed", error_code: code, attempt: 1 });
    expect(job["error"]).toContain(`acme/${name}`);
    expect(job["remedy"]).not.toBe("");
    expect(asked(job)).toBe(0);
    expect(job).not.toHaveProperty("session_id");
  });

  test("and a profile without pull requests may still read there", async () => {
    const repo = at.github.repo("acme/read-only");
    repo.facts.people.set("worker", "pull");
    const job = await run(at.github.url("acme/read-only"), { task: "Look. [[scenario:text]]", profile: "review" });
    expect(job).toMatchObject({ status: "succeeded" });
  });
});

describe.concurrent("W-54: where there is no pull request the job says why, and `publish` tries again without Claude", () => {
  test("GitHub's limit is reached", async () => {
    const repo = at.github.repo("acme/limited");
    const headers = () => ({
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.floor(at.github.now() / 1000) + 1_800),
    });
    at.github.fail(/^POST \/repos\/acme\/limited\/pulls$/, {
      status: 403,
      headers,
      body: { message: "API rate limit exceeded" },
    });
    const job = await run(at.github.url("acme/limited"));
    expect(job).toMatchObject({ status: "succeeded", pr_error: { code: "rate_limited" } });
    expect(job).not.toHaveProperty("pr_url");
    expect((await at.world.events(job.id)).at(-2)).toMatchObject({ type: "pr.failed", data: { code: "rate_limited" } });
    const spent = asked(job);

    const { code, stdout } = await at.world.cli(["publish", job.id, "--json"]);
    const done = await at.world.until(job.id, (seen) => seen["attempt"] === 2 && seen.status !== "running");

    expect([code, JSON.parse(stdout)]).toMatchObject([0, { job: { status: "queued", publish_only: true } }]);
    expect(done).toMatchObject({
      status: "succeeded",
      pr_url: expect.stringMatching(/\/pull\/1$/),
      output: job["output"],
    });
    expect(done).not.toHaveProperty("pr_error");
    expect(asked(job)).toBe(spent);
    expect(repo.pulls).toMatchObject([{ title: "Committed added.txt" }]);
    expect((await at.world.call("POST", `/jobs/${job.id}/publish`)).body).toMatchObject({ code: "conflict" });
  });

  test("the base is a tag: 422", async () => {
    const repo = at.github.repo("acme/tagged");
    repo.git("tag", "v1", "main");
    const job = await run(at.github.url("acme/tagged"), { base_ref: "v1" });
    expect(job).toMatchObject({
      status: "succeeded",
      pr_error: { code: "pr_failed", sentence: expect.stringContaining("v1 is no branch") },
    });
    expect(repo.git("rev-parse", String(job["branch"]))).toBe(job["commit"]);
  });

  test("the push was refused: the work waits in its tree", async () => {
    const repo = at.github.repo("acme/hooked");
    const hook = join(repo.facts.path, "hooks/pre-receive");
    writeFileSync(hook, "#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n", { mode: 0o755 });
    const job = await run(at.github.url("acme/hooked"));
    expect(job).toMatchObject({
      status: "failed",
      error_code: "push_rejected",
      error: expect.stringContaining("Friday"),
    });
    const spent = asked(job);
    writeFileSync(hook, "#!/bin/sh\nexit 0\n", { mode: 0o755 });

    expect((await at.world.call("POST", `/jobs/${job.id}/publish`)).status).toBe(200);
    const done = await at.world.until(job.id, (seen) => seen["attempt"] === 2 && seen.status !== "running");

    expect(done).toMatchObject({ status: "succeeded", pr_url: expect.stringMatching(/\/pull\/1$/) });
    expect(done).not.toHaveProperty("error");
    expect(asked(job)).toBe(spent);
    expect(repo.git("log", "--format=%s", `main..${done["branch"]}`)).toBe("feat: add added.txt");
  });

  test("nothing is left of the work: Claude is not run for it, and the job says so", async () => {
    const repo = at.github.repo("acme/lost");
    at.github.fail(/^POST \/repos\/acme\/lost\/pulls$/, { status: 403, body: { message: "Resource not accessible" } });
    const job = await run(at.github.url("acme/lost"));
    const spent = asked(job);
    repo.git("branch", "-D", String(job["branch"]));

    await at.world.call("POST", `/jobs/${job.id}/publish`);
    const done = await at.world.until(job.id, (seen) => seen["attempt"] === 2 && seen.status !== "running");

    expect(done).toMatchObject({
      status: "failed",
      error_code: "pr_failed",
      remedy: expect.stringContaining("Retry the job"),
    });
    expect(asked(job)).toBe(spent);
  });
});
