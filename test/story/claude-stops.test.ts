import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

let world: World;
beforeAll(async () => {
  world = await aWorld();
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const typesOf = async (id: string) => (await world.events(id)).map(({ type }) => type);
const isGone = (pid: number) => !existsSync(`/proc/${pid}`);

describe.concurrent("a job is ended from outside", () => {
  test("cancelled while the model thinks: dead within 5 s, no branch, no worktree, and cancelling again changes nothing", async () => {
    await using repo = await sampleRepo();
    const task = "Think. [[scenario:write-commit]] [[hold:thinking]]";
    const { id } = await world.submit({ task, repo_url: repo.path });
    const { pid } = await world.until(id, (job) => job["pid"] !== undefined);
    await world.model.waitFor(({ userTexts }) => userTexts.includes(task));
    const asked = performance.now();
    await world.call("DELETE", `/jobs/${id}`);
    await eventually(() => isGone(Number(pid)), { what: "the warden is gone" });
    expect(performance.now() - asked).toBeLessThan(6_500);

    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "cancelled", error_code: "cancelled" });
    expect(job["commit"]).toBeUndefined();
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
    expect(existsSync(String(job["worktree_path"]))).toBe(false);
    const again = await world.call("POST", `/jobs/${id}/cancel`);
    expect(again).toMatchObject({ status: 200, body: { job: { status: "cancelled", ended_at: job["ended_at"] } } });
    expect((await typesOf(id)).filter((type) => type === "job.cancelled")).toHaveLength(1);
  });

  test("W-08: a job that still waits is cancelled at once", async () => {
    const { id } = await world.submit({ task: "Wait.", pool: "nobody" });
    const { body } = await world.call("POST", `/jobs/${id}/cancel`);
    expect(body["job"]).toMatchObject({ status: "cancelled", attempt: 0 });
    expect(await typesOf(id)).toEqual(["job.queued", "cancel.requested", "job.cancelled"]);
  });

  test("W-63: a job over its time keeps what was written in its worktree, for a retry or a look at it", async () => {
    await using repo = await sampleRepo();
    const { id } = await world.submit({ task: "Work. [[scenario:slow]]", repo_url: repo.path, timeout_seconds: 8 });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "failed", error_code: "timeout" });
    expect(readFileSync(join(String(job["worktree_path"]), "heartbeat.txt"), "utf8")).toContain("beat 1\n");
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*")).toBe("");
    await eventually(() => isGone(Number(job["pid"])), { what: "the warden is gone" });
    const beats = readFileSync(join(String(job["worktree_path"]), "heartbeat.txt"), "utf8");
    await world.ended((await world.submit({ task: "Meanwhile. [[scenario:text]]" })).id);
    expect(readFileSync(join(String(job["worktree_path"]), "heartbeat.txt"), "utf8")).toBe(beats);
  });

  test("cost and usage of a running job grow while it works, and its end has them all", async () => {
    const task = "Go. [[scenario:many-turns turns=6 pause=1]] [[usage:in=10000,out=1000]]";
    const { id } = await world.submit({ task });
    const cost = (job: Readonly<Record<string, unknown>>) => Number(job["cost_usd"] ?? 0);
    const early = await world.until(id, (job) => job["status"] === "running" && cost(job) > 0);
    const later = await world.until(id, (job) => job["status"] === "running" && cost(job) > cost(early));
    const done = await world.ended(id);

    expect(cost(done)).toBeGreaterThan(cost(later));
    expect(done).toMatchObject({
      status: "succeeded",
      num_turns: 7,
      usage: { input_tokens: 70_000, output_tokens: 7_000 },
    });
    const told = (await world.events(id)).filter(({ type }) => type === "usage.updated").map(({ data }) => cost(data));
    expect(told.length).toBeGreaterThan(1);
    expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b));
  });

  test("a submission that waits is answered with the end, or after its seconds with the job as it stands", async () => {
    const quick = await world.call("POST", "/jobs", { task: "Go. [[scenario:text say=waited]]", wait: true });
    expect(quick).toMatchObject({
      status: 200,
      body: { job: { status: "succeeded", output: "waited", mode: "sync" } },
    });

    const asked = performance.now();
    const slow = await world.call("POST", "/jobs", { task: "Wait.", pool: "nobody", wait: true, wait_seconds: 1 });
    expect(slow).toMatchObject({ status: 202, body: { job: { status: "queued" } } });
    expect(performance.now() - asked).toBeGreaterThan(900);
  });
});

test("a failed job ends the command that follows it with 1 and says why; one that waits prints the job as JSON", async () => {
  const followed = await world.cli(["run", "Go. [[scenario:unauthorized]]", "--follow"]);
  expect(followed.code).toBe(1);
  expect(followed.stdout).toContain("claude_not_logged_in");
  expect(followed.stdout).toContain("claude setup-token");

  const waited = await world.cli([
    "run",
    "--wait",
    "--json",
    "--",
    "--help is not what I want [[scenario:text say=so]]",
  ]);
  expect(waited.code).toBe(0);
  expect(JSON.parse(waited.stdout)).toMatchObject({ success: true, job: { status: "succeeded", output: "so" } });
});

test("afterwards nothing of these jobs is alive", () => {
  expect(world.jobProcesses()).toEqual([]);
});
