import { expect, test } from "vitest";
import { whyNoPullRequest } from "../../runner/why-no-pull-request.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";

const work = { branch: "agenticore-12345678", baseRef: "main" };

test("where nothing changed, that is why", () => {
  const address = parseRepoUrl("https://github.com/org/project.git");
  expect(whyNoPullRequest("unchanged", { ...work, address })).toMatchObject({ code: "no_changes" });
});

test("of another forge the branch is named, and where to open it", () => {
  const address = parseRepoUrl("https://git.example.com/org/project");
  expect(whyNoPullRequest("forge", { ...work, address })).toMatchObject({
    code: "unsupported_forge",
    sentence: expect.stringContaining(work.branch),
    remedy: expect.stringContaining("https://git.example.com/org/project"),
  });
});

test("without a token GitHub's page to open it by hand is named, and what to set", () => {
  const address = parseRepoUrl("git@github.com:org/project.git");
  const remedy = whyNoPullRequest("token", { ...work, address, page: "https://github.com/org/project" }).remedy;
  expect(remedy).toContain("GITHUB_TOKEN");
  expect(remedy).toContain("https://github.com/org/project/compare/main...agenticore-12345678");
});
