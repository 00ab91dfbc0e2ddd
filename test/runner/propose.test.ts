import { describe, expect, test } from "vitest";
import { checkPushRight } from "../../runner/check-push-right.ts";
import { propose } from "../../runner/propose.ts";
import { AppError, LeaseLost } from "../../shared/error.ts";
import { Profile } from "../../shared/profile.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";
import { aGithub } from "../support/a-github.ts";
import { aJob } from "../support/a-job.ts";
import { aCaller, branch, type Caller, never } from "./github/a-caller.ts";

const { pr } = Profile.parse({});
const fine = async () => undefined;
const proposed = (caller: Caller, prove: () => Promise<void> = fine, signal = never()) => {
  const address = parseRepoUrl(caller.at.page);
  const commit = caller.repo.git("rev-parse", branch);
  const job = aJob({ output: "Added a test." });
  return propose(
    { address, branch, baseRef: "main", commit, job },
    { github: caller.github, pr },
    { job, prove, signal },
  );
};

describe("what becomes of finished work", () => {
  test("a pull request is a fact of the job and an event", async () => {
    await using caller = await aCaller();
    const url = `${caller.at.page}/pull/1`;
    expect(await proposed(caller)).toEqual({
      patch: { pr_url: url },
      events: [{ type: "pr.opened", data: { url } }],
      warnings: [],
    });
    expect(await proposed(caller)).toMatchObject({ events: [{ type: "pr.updated", data: { url } }] });
  });

  test("W-54: without a token, or where GitHub refuses, that is a fact too, and the job has not failed", async () => {
    await using without = await aCaller({ env: () => ({}) });
    expect(await proposed(without)).toMatchObject({
      patch: {
        pr_error: { code: "auth_failed", remedy: expect.stringContaining(`${without.at.page}/compare/main...`) },
      },
      events: [{ type: "pr.failed", data: { code: "auth_failed" } }],
    });
    await using caller = await aCaller();
    caller.fake.fail(/^POST/, { status: 404, body: { message: "Not Found" } });
    expect(await proposed(caller)).toMatchObject({ patch: { pr_error: { code: "auth_failed" } } });
    caller.fake.fail(/^GET/, { status: 200, body: [] });
    expect(await proposed(caller)).toMatchObject({ patch: { pr_error: { code: "pr_failed" } } });
  });

  test("a lost lease, a store that is away and a cancel are no refusals of GitHub's", async () => {
    await using caller = await aCaller();
    const lost = new LeaseLost("a job");
    await expect(proposed(caller, () => Promise.reject(lost))).rejects.toBe(lost);
    const away = new AppError("store_unavailable", "away");
    await expect(proposed(caller, () => Promise.reject(away))).rejects.toBe(away);
    const stop = new AbortController();
    stop.abort(new Error("cancelled"));
    await expect(proposed(caller, fine, stop.signal)).rejects.toThrow("cancelled");
    expect(caller.repo.pulls).toEqual([]);
  });

  test("a local folder, and a profile that wants none, have none to miss", async () => {
    const github = aGithub();
    const job = aJob();
    const work = { branch, baseRef: "main", commit: "c0ffee", job };
    const publication = { job, prove: fine, signal: never() };
    const nothing = { patch: {}, events: [], warnings: [] };
    expect(await propose({ ...work, address: parseRepoUrl("/srv/git/x") }, { github, pr }, publication)).toEqual(
      nothing,
    );
    const address = parseRepoUrl("https://github.com/acme/widget");
    expect(await propose({ ...work, address }, { github, pr: undefined }, publication)).toEqual(nothing);
    const elsewhere = { ...work, address: parseRepoUrl("https://gitlab.com/acme/widget") };
    expect(await propose(elsewhere, { github, pr }, publication)).toMatchObject({
      patch: { pr_error: { code: "unsupported_forge" } },
    });
  });
});

describe("the right to push, before anything is spent", () => {
  const check = ({ github, fake }: Caller) =>
    checkPushRight(aJob({ repo_url: fake.url("acme/widget") }), { github }, never());

  test("where it is missing the job does not begin", async () => {
    await using caller = await aCaller();
    caller.repo.facts.isArchived = true;
    await expect(check(caller)).rejects.toMatchObject({ code: "forbidden" });
  });

  test("where it cannot be found out the job begins, and says so", async () => {
    await using caller = await aCaller();
    caller.fake.fail(/^GET/, { status: 503, times: 99 });
    expect(await check(caller)).toEqual([expect.stringContaining("not known whether the work can be pushed")]);
  });

  test("where there is none to ask about, nothing is asked", async () => {
    const github = aGithub({ GITHUB_TOKEN: "ghp_something" });
    for (const repo_url of ["/srv/git/x", "https://gitlab.com/a/b", undefined])
      expect(await checkPushRight(aJob(repo_url === undefined ? {} : { repo_url }), { github }, never())).toEqual([]);
  });
});
