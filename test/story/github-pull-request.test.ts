import { describe, expect, test } from "vitest";
import { aGithubWorld } from "../support/a-github-world.ts";

const task = "Add a file. [[scenario:write-commit file=added.txt content=hi]]";

describe.concurrent("a pull request on GitHub", () => {
  test("W-52 W-53: on a private repository goes into the branch that the job came from", async () => {
    await using at = await aGithubWorld();
    const { world, repo, url } = at;
    repo.git("branch", "develop", "main~1");
    await world.serve({ direct: true });
    const { id } = await world.submit({ task, repo_url: url, base_ref: "develop" });

    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "succeeded", pr_url: `${url}/pull/1`, base_ref: "develop" });
    expect(job).not.toHaveProperty("pr_error");
    expect(repo.pulls).toMatchObject([{ base: "develop", head: job["branch"], state: "open", draft: false }]);
    expect(repo.git("rev-parse", String(job["branch"]))).toBe(job["commit"]);
    const types = (await world.events(id)).map(({ type }) => type);
    const published = types.filter((type) => /^(?:work|branch|pr|job)\./.test(type)).slice(-4);
    expect(published).toEqual(["work.committed", "branch.pushed", "pr.opened", "job.succeeded"]);
  });
});
