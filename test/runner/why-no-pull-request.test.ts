import { expect, test } from "vitest";
import { whyNoPullRequest } from "../../runner/why-no-pull-request.ts";
import { parseRepoUrl } from "../../shared/repo-url.ts";

const work = { branch: "agenticore-12345678", baseRef: "main", isChanged: true };

test("a local folder has no pull request to miss", () => {
  expect(whyNoPullRequest(parseRepoUrl("/srv/git/project"), work)).toBeUndefined();
});

test("where nothing changed, that is why", () => {
  const address = parseRepoUrl("https://github.com/org/project.git");
  expect(whyNoPullRequest(address, { ...work, isChanged: false })).toMatchObject({ code: "no_changes" });
});

test.each([
  ["https://github.com/org/project.git", "https://github.com/org/project/compare/main...agenticore-12345678"],
  ["git@github.com:org/project.git", "https://github.com/org/project/compare/main...agenticore-12345678"],
  ["https://git.example.com/org/project", "https://git.example.com/org/project"],
])("for %s the branch is named, and where to open it", (url, place) => {
  expect(whyNoPullRequest(parseRepoUrl(url), work)).toMatchObject({
    code: "unsupported_forge",
    sentence: expect.stringContaining(work.branch),
    remedy: `Open it by hand: ${place}`,
  });
});
