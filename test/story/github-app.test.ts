import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aGithubWorld, type GithubWorld } from "../support/a-github-world.ts";
import { processesWith } from "../support/leftovers.ts";

/** Tokens live for two seconds, so that none of a job's beginning is good at its end. */
const tokenMs = 2_000;
const name = "acme.inc/next.js";

let at: GithubWorld;
let key = "";
beforeAll(async () => {
  at = await aGithubWorld({
    name,
    enterprise: true,
    env: (github) => {
      const app = github.app({ owner: "acme.inc", tokenMs });
      key = app.key;
      return app.env;
    },
  });
  at.world.write(".agenticore/profiles/talks/profile.yml", "extends: code\ngh: true\n");
  await at.world.serve({ direct: true });
});
afterAll(() => at[Symbol.asyncDispose]());

const lines = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended in between
  }
};
/** What any process of this machine shows of itself in its arguments, and those of the job in their environment too. */
const shownBy = (jobId: string): string =>
  [
    ...readdirSync("/proc")
      .filter((pid) => Number(pid) > 0)
      .map((pid) => lines(`/proc/${pid}/cmdline`)),
    ...processesWith("AGENTICORE_JOB_ID", jobId).map((pid) => lines(`/proc/${pid}/environ`)),
  ].join("\n");
/** Files below the home of the world that hold this text, also within a database. */
const filesWith = (text: string): string =>
  execFileSync("sh", ["-c", 'grep -rlaF -- "$1" "$2" || true', "sh", text, at.world.home], { encoding: "utf8" });

test("W-55 W-28: an App's tokens, on an Enterprise Server, for names with dots: clone and push have each one that is good, and none is left anywhere", async () => {
  const { world, github, repo, url } = at;
  const held = "[[scenario:write-commit file=added.txt content=hi]] [[hold:thinking@2]]";
  const { id } = await world.submit({ task: `Add a file. ${held}`, repo_url: url });
  await world.model.waitFor(({ step }) => step === 2);
  const cloned = github.minted.map(({ token }) => token);
  expect(cloned.length).toBeGreaterThan(0);
  const during = shownBy(id);
  expect(processesWith("AGENTICORE_JOB_ID", id).length).toBeGreaterThan(0);
  expect(during).toContain("ANTHROPIC_BASE_URL");
  for (const token of cloned) expect(during).not.toContain(token);
  for (const token of cloned) expect(filesWith(token)).toBe("");
  github.advance(tokenMs);
  world.model.release("thinking");

  const job = await world.ended(id);

  expect(job).toMatchObject({ status: "succeeded", pr_url: `${url}/pull/1` });
  expect(repo.pulls[0]?.author).toMatch(/\[bot\]$/);
  const pushes = github.seen.filter(({ path, status }) => path.endsWith("git-receive-pack") && status === 200);
  expect(pushes.length).toBeGreaterThan(0);
  for (const { token = "" } of pushes) expect(cloned).not.toContain(token);
  for (const { repositories, permissions } of github.minted)
    expect({ repositories, permissions }).toEqual({
      repositories: ["next.js"],
      permissions: { contents: "write", pull_requests: "write" },
    });
  const said = JSON.stringify([job, await world.events(id), world.model.requests()]);
  for (const { token } of github.minted) {
    expect(filesWith(token)).toBe("");
    expect(said).not.toContain(token);
  }
  const secret = key.split("\n")[1] ?? "";
  expect(filesWith(secret)).toBe("");
  expect(said + during).not.toContain(secret);
  expect(filesWith(String(job["commit"]))).not.toBe(""); // what is there is found
});

test("a profile with `gh: true` gives Claude a token of its own, which cannot push, and that is told nowhere", async () => {
  const { world, github, url } = at;
  const task = 'Go. [[scenario:run command="printenv GH_HOST; printenv GH_ENTERPRISE_TOKEN"]] [[hold:talking@1]]';
  const { id } = await world.submit({ task, repo_url: url, profile: "talks" });
  await world.model.waitFor(({ step, userTexts }) => step === 1 && userTexts.some((text) => text.startsWith("Go.")));
  const during = shownBy(id);
  world.model.release("talking");

  const job = await world.ended(id);

  const given = github.minted.filter(({ permissions }) => permissions["contents"] === "read");
  expect(given).toMatchObject([
    { repositories: ["next.js"], permissions: { pull_requests: "write", issues: "write" } },
  ]);
  const token = given[0]?.token ?? "";
  expect(during).toContain(`GH_ENTERPRISE_TOKEN=${token}`);
  const told = JSON.stringify([job, await world.events(id)]);
  expect(told).toContain("[redacted]");
  expect(told).not.toContain(token);
  expect(
    filesWith(token)
      .split("\n")
      .filter(Boolean)
      .every((file) => /\/(?:sessions|runs)\//.test(file)),
  ).toBe(true);
});
