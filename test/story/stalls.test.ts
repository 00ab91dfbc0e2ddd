import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nudges } from "../../runner/keep-going.ts";
import { aGithubWorld, type GithubWorld } from "../support/a-github-world.ts";
import type { SeenJob } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

let at: GithubWorld;
beforeAll(async () => {
  at = await aGithubWorld();
  await at.world.serve({ direct: true, env: { AGENTICORE_STALL_SECONDS: "4", AGENTICORE_MAX_PARALLEL_JOBS: "6" } });
});
afterAll(() => at[Symbol.asyncDispose]());

const run = async (task: string, more: object = {}): Promise<SeenJob> =>
  await at.world.ended((await at.world.submit({ task, ...more })).id);
const asked = (job: SeenJob) => at.world.model.requests().filter(({ session }) => session === job["session_id"]);
const told = (job: SeenJob, text: string): boolean =>
  asked(job).some(({ userTexts, system }) => [...userTexts, system].join("\n").includes(text));
const types = async ({ id }: SeenJob) => (await at.world.events(id)).map(({ type }) => type);

describe.concurrent("a job in which nothing happens any more", () => {
  test("is interrupted and told to continue once, and goes on", async () => {
    const job = await run("Go. [[scenario:hangs]]");
    expect(job).toMatchObject({ status: "succeeded", attempt: 1, output: expect.stringContaining("Went on.") });
    expect(job["warnings"]).toEqual([expect.stringContaining("Nothing happened for 4 seconds")]);
    expect(told(job, nudges.stalled)).toBe(true);
    expect(await types(job)).not.toContain("message.delivered"); // nobody has sent one
  });

  test("fails as stalled where that does not help, and nothing of it lives", async () => {
    const job = await run("Go. [[scenario:hangs always=yes]]");
    expect(job).toMatchObject({ status: "failed", error_code: "stalled", attempt: 1 });
    expect(job["warnings"]).toHaveLength(1);
    await eventually(() => !at.world.jobProcesses().some((pid) => pid === job["pid"]));
  });

  test("is one that says nothing, prints nothing and works on nothing: a long silent computation is left alone", async () => {
    const command = "end=$((SECONDS+10)); while [ $SECONDS -lt $end ]; do :; done";
    const job = await run(`Go. [[scenario:run command="${command}"]]`);
    expect(job).toMatchObject({ status: "succeeded" });
    expect(job).not.toHaveProperty("warnings");
  });

  test("is none to which the model speaks slowly", async () => {
    const job = await run("Go. [[scenario:slow-text pieces=30 every=300]]");
    expect(job).toMatchObject({ status: "succeeded" });
    expect(job).not.toHaveProperty("warnings");
  });
});

describe.concurrent("a job that goes round in a circle", () => {
  test("is told so at the fifth time, and goes on", async () => {
    const job = await run("Go. [[scenario:circle times=7]]");
    expect(job).toMatchObject({ status: "succeeded", output: expect.stringContaining("Out of the circle.") });
    expect(job["warnings"]).toEqual([expect.stringContaining("the same tool call with the same result 5 times")]);
    expect(told(job, nudges.looping)).toBe(true);
  });

  test("is ended where that does not help: what was done is committed, pushed and a draft, and the job has failed as stalled", async () => {
    const repo = at.github.repo("acme/circle");
    const url = at.github.url("acme/circle");
    const job = await run("Go. [[scenario:circle file=begun.txt]]", { repo_url: url });

    expect(job).toMatchObject({ status: "failed", error_code: "stalled", diff: { files: 1 }, attempt: 1 });
    expect(repo.git("show", `${job["branch"]}:begun.txt`)).toContain("hello");
    expect(job["pr_url"]).toBe(`${url}/pull/1`);
    expect(repo.pulls.at(-1)).toMatchObject({ head: job["branch"], draft: true });
    expect(repo.pulls.at(-1)?.body).toContain("This work is unfinished: Claude went on making the same tool call");
    const published = (await types(job)).filter((type) => type !== "phase.changed");
    expect(published.slice(-4)).toEqual(["work.committed", "branch.pushed", "pr.opened", "job.failed"]);
    expect(asked(job).length).toBeLessThan(16);
  });
});
