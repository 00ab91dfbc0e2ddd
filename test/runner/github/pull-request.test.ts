import { describe, expect, test } from "vitest";
import { Profile } from "../../../shared/profile.ts";
import { aJob } from "../../support/a-job.ts";
import { aCaller, branch, commitOn } from "./a-caller.ts";

const how = (pr: object) => ({ how: Profile.parse({ pr }).pr });

describe("opening a pull request", () => {
  test("W-50 W-51: it is of the job's own branch, whatever others there are", async () => {
    await using caller = await aCaller();
    for (const other of ["cc-1", "worktree-1", "agenticore-99999999"]) {
      caller.repo.git("branch", other, "main");
      commitOn(caller.repo, other);
    }
    const end = await caller.propose();
    expect(end).toMatchObject({ how: "opened", url: `${caller.at.page}/pull/1`, warnings: [] });
    expect(caller.repo.pulls).toMatchObject([{ head: branch, base: "main", title: "Added a test for the parser" }]);
  });

  test("the right to do so is proven before each change, and where it is gone nothing is changed", async () => {
    await using caller = await aCaller();
    await caller.propose(how({ labels: ["bot"], reviewers: ["worker"] }));
    expect(caller.proofs()).toBe(3);
    commitOn(caller.repo, "main");
    const gone = async () => {
      throw new Error("the lease is lost");
    };
    const job = aJob({ output: "Something else was said." });
    const late = caller.github.propose(caller.proposal({ job }), { prove: gone, signal: new AbortController().signal });
    await expect(late).rejects.toThrow("the lease is lost");
    expect(caller.repo.pulls).toHaveLength(1);
    expect(caller.repo.pulls[0]?.body).toContain("Added a test");
  });

  test("it is a draft, has labels and reviewers and the profile's title, where the profile says so", async () => {
    await using caller = await aCaller();
    caller.repo.facts.people.set("ada", "push");
    caller.repo.facts.teams.add("core");
    const job = aJob({ output: "Added a test." });
    const pr = { draft: true, labels: ["bot", "tests"], reviewers: ["ada", "acme/core"], title: "[{job}] {title}" };
    await caller.propose({ job, ...how(pr) });
    expect(caller.repo.pulls).toMatchObject([
      {
        draft: true,
        labels: ["bot", "tests"],
        reviewers: ["ada"],
        teams: ["core"],
        title: `[${job.id.slice(0, 8)}] Added a test`,
      },
    ]);
  });

  test("labels or reviewers that GitHub does not take are a warning, and the pull request is there", async () => {
    await using caller = await aCaller();
    const end = await caller.propose(how({ reviewers: ["nobody"] }));
    expect(end).toMatchObject({ how: "opened", warnings: [expect.stringContaining("is not a collaborator")] });
  });

  test("a repository without drafts gets one that is none, and a warning", async () => {
    await using caller = await aCaller();
    caller.repo.facts.hasDrafts = false;
    const end = await caller.propose(how({ draft: true }));
    expect(end).toMatchObject({ how: "opened", warnings: [expect.stringContaining("no draft")] });
    expect(caller.repo.pulls).toMatchObject([{ draft: false }]);
  });

  test("a branch that GitHub does not know yet is asked for again", async () => {
    await using caller = await aCaller();
    const errors = [{ resource: "PullRequest", field: "head", code: "invalid" }];
    caller.fake.fail(/^POST .*\/pulls$/, { status: 422, body: { message: "Validation Failed", errors }, times: 2 });
    expect(await caller.propose()).toMatchObject({ how: "opened" });
    expect(caller.clock.slept).toEqual([500, 1_000]);
  });
});

describe("a pull request that is there", () => {
  test("is renewed, never opened twice, and what people wrote around our part stays", async () => {
    await using caller = await aCaller();
    await caller.propose();
    const [pull] = caller.repo.pulls;
    if (!pull) throw new Error("there is none");
    Object.assign(pull, { title: "A better title", body: `Hello.\n\n${pull.body}\n\nThanks` });
    const job = aJob({ output: "Added two tests." });
    expect(await caller.propose({ job })).toMatchObject({ how: "updated", url: `${caller.at.page}/pull/1` });
    expect(caller.repo.pulls).toHaveLength(1);
    expect(pull.title).toBe("A better title");
    expect(pull.body).toMatch(/^Hello\.[\s\S]*Added two tests\.[\s\S]*Thanks$/);
  });

  test("is left as it is where somebody rewrote it", async () => {
    await using caller = await aCaller();
    await caller.propose();
    Object.assign(caller.repo.pulls[0] ?? {}, { body: "My own words" });
    expect(await caller.propose()).toMatchObject({ how: "updated" });
    expect(caller.repo.pulls[0]?.body).toBe("My own words");
  });

  test("is found where its opening was answered by an error, or by nothing", async () => {
    await using caller = await aCaller();
    caller.fake.fail(/^POST .*\/pulls$/, { status: 502, body: "<html>", after: true });
    expect(await caller.propose()).toMatchObject({ how: "updated", url: `${caller.at.page}/pull/1` });
    expect(caller.repo.pulls).toHaveLength(1);
  });

  test("is not opened again where it was merged with this very commit, and is where more was pushed since", async () => {
    await using caller = await aCaller();
    await caller.propose();
    caller.repo.close(1, "merged");
    expect(await caller.propose()).toMatchObject({ how: "found", url: `${caller.at.page}/pull/1` });
    commitOn(caller.repo, branch);
    expect(await caller.propose()).toMatchObject({ how: "opened", url: `${caller.at.page}/pull/2` });
  });
});

describe("W-54: where GitHub does not open it, the error says why and what to do", () => {
  test("a base that is no branch is told as such, with the page to open it by hand", async () => {
    await using caller = await aCaller();
    caller.repo.git("tag", "v1", "main");
    await expect(caller.propose({ baseRef: "v1" })).rejects.toMatchObject({
      code: "pr_failed",
      message: expect.stringMatching(/v1 is no branch/),
      remedy: expect.stringContaining(`${caller.at.page}/compare/`),
    });
  });

  test("nothing between base and branch", async () => {
    await using caller = await aCaller();
    caller.repo.git("update-ref", "refs/heads/main", branch);
    await expect(caller.propose()).rejects.toMatchObject({
      code: "pr_failed",
      message: expect.stringContaining("No commits"),
    });
  });

  test("a token without the right: it is named", async () => {
    await using caller = await aCaller({
      env: (fake) => ({ GITHUB_TOKEN: fake.token({ permissions: { contents: "write" } }) }),
    });
    await expect(caller.propose()).rejects.toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("not accessible"),
      remedy: expect.stringContaining("pull_requests=write"),
    });
  });

  test("a token that is over, a repository that is not shown, single sign-on", async () => {
    await using caller = await aCaller();
    const asked = (status: number, headers = {}) => {
      caller.fake.fail(/^GET \/repos\/acme\/widget$/, { status, headers: () => headers, body: { message: "No" } });
      return caller.propose().catch((error: unknown) => error);
    };
    expect(await asked(401)).toMatchObject({ code: "auth_failed", message: expect.stringContaining("credentials") });
    expect(await asked(404)).toMatchObject({
      code: "auth_failed",
      message: expect.stringContaining("no such repository"),
    });
    const sso = { "x-github-sso": "required; url=https://github.com/orgs/acme/sso?x=1" };
    expect(await asked(403, sso)).toMatchObject({
      remedy: expect.stringContaining("https://github.com/orgs/acme/sso?x=1"),
    });
  });

  test("what answers is not GitHub", async () => {
    await using caller = await aCaller();
    caller.fake.fail(/^GET \/repos\/acme\/widget$/, { status: 200, body: "<html>Log in to the hotel</html>" });
    await expect(caller.propose()).rejects.toMatchObject({
      code: "pr_failed",
      remedy: expect.stringContaining("GITHUB_API_URL"),
    });
  });

  test("no token is in it", async () => {
    await using caller = await aCaller();
    caller.fake.fail(/^GET/, { status: 401, body: { message: "Bad credentials" } });
    const error = await caller.propose().catch((thrown: unknown) => thrown);
    const all: string[] = [];
    for (let one = error; one instanceof Error; one = one.cause)
      all.push(one.message, String(one.stack), JSON.stringify(one));
    expect(all.join("\n")).toContain("refuses the credentials");
    expect(all.join("\n")).not.toMatch(/ghp_|Bearer \w{5}|token \w{20}/);
  });
});

test("what is secret is not in title or body, however it is written there", async () => {
  await using caller = await aCaller();
  const secret = `ghp_${"a1B2".repeat(9)}`;
  const output = `Set the token to ${secret} in the settings now.\n\nAKIAABCDEFGHIJKLMNOP`;
  await caller.propose({ job: aJob({ output, warnings: [`left out: ${secret}`] }) });
  expect(JSON.stringify(caller.repo.pulls[0])).not.toMatch(/a1B2|AKIA/);
});

test("W-55: names with dots, and an Enterprise Server's API", async () => {
  await using caller = await aCaller({ enterprise: true, name: "acme.inc/next.js" });
  expect(await caller.propose()).toMatchObject({
    how: "opened",
    url: expect.stringMatching(/acme\.inc\/next\.js\/pull\/1$/),
  });
});
