import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { budgetNudge } from "../../runner/near-budget.ts";
import { aGithubWorld, type GithubWorld } from "../support/a-github-world.ts";
import type { SeenJob } from "../support/a-world.ts";

let at: GithubWorld;
beforeAll(async () => {
  at = await aGithubWorld();
  await at.world.serve({ direct: true });
});
afterAll(() => at[Symbol.asyncDispose]());

const run = async (task: string, more: object): Promise<SeenJob> =>
  await at.world.ended((await at.world.submit({ task, ...more })).id);
const heard = (job: SeenJob): string =>
  at.world.model
    .requests()
    .filter(({ session }) => session === job["session_id"])
    .flatMap(({ userTexts, system }) => [...userTexts, system])
    .join("\n");
const types = async ({ id }: SeenJob) => (await at.world.events(id)).map(({ type }) => type);
/** What each turn costs: a little more than three cents, or less than one. */
const dear = "[[usage:in=1000,out=1450]]";
const cheap = "[[usage:in=1000,out=200]]";

describe.concurrent("a job's budget lands softly", () => {
  test("at four fifths Claude is told to bring the work to an end, once, and the job says so", async () => {
    const job = await run(`Count. [[scenario:many-turns turns=5 pause=1.5]] ${dear}`, { max_budget_usd: 0.2 });
    expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(heard(job)).toContain(budgetNudge);
    expect(String(job["output"]).split(budgetNudge)).toHaveLength(2);
    const told = await types(job);
    expect(told.filter((type) => type === "budget.warned")).toHaveLength(1);
    expect(told).not.toContain("message.delivered"); // nobody has sent one
  });

  test("when it is used up what was done is committed, pushed and a draft, and the job has failed as budget_exceeded", async () => {
    const repo = at.github.repo("acme/dear");
    const repo_url = at.github.url("acme/dear");
    const job = await run(`Count. [[scenario:many-turns turns=60]] ${cheap}`, { max_budget_usd: 0.1, repo_url });

    expect(job).toMatchObject({ status: "failed", error_code: "budget_exceeded", diff: { files: 1 }, attempt: 1 });
    expect(Number(job["cost_usd"])).toBeLessThan(0.2);
    expect(repo.git("show", `${job["branch"]}:turns.txt`)).toMatch(/^1\n2\n/);
    expect(job["pr_url"]).toBe(`${repo_url}/pull/1`);
    expect(repo.pulls.at(-1)).toMatchObject({ head: job["branch"], draft: true });
    expect(repo.pulls.at(-1)?.body).toContain("This work is unfinished");
    const published = (await types(job)).filter((type) => type !== "phase.changed");
    expect(published.slice(-4)).toEqual(["work.committed", "branch.pushed", "pr.opened", "job.failed"]);
  });

  test("a job that ends by itself near its budget is not held up by a word about it", async () => {
    const job = await run("Say it. [[scenario:text say=done]] [[usage:in=15000,out=1000]]", { max_budget_usd: 0.09 });
    expect(job).toMatchObject({ status: "succeeded", output: "done", num_turns: 1 });
    expect(await types(job)).toContain("budget.warned");
  });
});
