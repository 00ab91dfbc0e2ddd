import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import type { Served } from "../support/a-server.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gatedGit } from "../support/gated-git.ts";
import { gitIn } from "../support/sample-repo.ts";

const beats = (job: SeenJob): string => {
  const file = join(String(job["worktree_path"]), "heartbeat.txt");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
};
const release = (job: SeenJob) => writeFileSync(join(String(job["worktree_path"]), "released"), "");

/** A job whose tool has written three beats. */
async function working(world: World, repo: string, marker = "[[scenario:slow once=yes]]"): Promise<SeenJob> {
  const { id } = await world.submit({ task: `Work on. ${marker}`, repo_url: repo });
  const job = await world.until(id, (seen) => seen["pid"] !== undefined && seen["worktree_path"] !== undefined);
  await eventually(() => beats(job).includes("beat 3"), { what: "Claude's tool works" });
  return job;
}

/** Each start counts its beats from one: two that beat at the same time would get into each other's way. */
function expectNoOverlap(text: string): void {
  const numbers = text
    .trim()
    .split("\n")
    .map((line) => Number(line.replace("beat ", "")));
  expect(numbers.filter((number, index) => number !== 1 && number !== (numbers[index - 1] ?? 0) + 1)).toEqual([]);
}

/** Whoever is stopped while it writes holds the embedded store's one lock: then nobody could take its jobs over. */
async function stopBetweenWrites(world: World, runner: Served): Promise<void> {
  await eventually(() => {
    runner.signal("SIGSTOP");
    using store = new DatabaseSync(join(world.home, ".agenticore/agenticore.db"), { timeout: 500 });
    try {
      store.exec("BEGIN IMMEDIATE; ROLLBACK");
      return true;
    } catch {
      runner.signal("SIGCONT");
      return false;
    }
  });
}

const claudeIn = (world: World): number | undefined =>
  world.jobProcesses().find((pid) => /\/claude(?:\.exe)?\0-p\0/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8")));

describe.concurrent("a process of a job dies", () => {
  test.for(["warden", "Claude"])(
    "kill -9 of %s: the tree ends, and a second attempt goes on in the same session and worktree",
    async (who) => {
      await using world = await aWorld();
      await using repo = await sampleRepo();
      await world.serve({ direct: true });
      const job = await working(world, repo.path);

      process.kill(who === "warden" ? Number(job["pid"]) : Number(claudeIn(world)), "SIGKILL");
      const done = await world.ended(job.id);

      const { session_id, worktree_path } = job;
      expect(done).toMatchObject({ status: "succeeded", attempt: 2, session_id, worktree_path });
      expect(done["attempts"]).toMatchObject([{ reason: "crashed" }, { reason: "ended" }]);
      const kept = gitIn(repo.path)("show", `${done["branch"]}:heartbeat.txt`);
      expect(kept).toContain("beat 3");
      expectNoOverlap(kept);
      expect(world.jobProcesses()).toEqual([]);
      expect(world.remains()).toEqual([]);
    },
  );

  test("a job that kills its runner's Claude each time ends as runner_lost when its attempts are used up", async () => {
    await using world = await aWorld();
    world.write("bin/suicidal", "#!/bin/sh\nkill -9 $$\n");
    chmodSync(join(world.home, "bin/suicidal"), 0o755);
    await world.serve({ direct: true, env: { AGENTICORE_CLAUDE_BINARY: join(world.home, "bin/suicidal") } });
    const { id } = await world.submit({ task: "Die.", max_attempts: 2 });

    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "failed", error_code: "runner_lost", attempt: 2 });
    expect(job["attempts"]).toMatchObject([{ reason: "crashed" }, { reason: "crashed" }]);
    expect(job["remedy"]).toBeTruthy();
    expect(world.jobProcesses()).toEqual([]);
  });

  test("a message that Claude had not taken up when its server was killed reaches the next attempt, once", async () => {
    await using world = await aWorld();
    await using repo = await sampleRepo();
    const first = await world.serve({ direct: true });
    const job = await working(world, repo.path);
    expect((await world.call("POST", `/jobs/${job.id}/messages`, { text: "Mind the gap." })).status).toBe(202);

    await first.kill();
    await world.serve({ direct: true });
    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 2 });
    const last = world.model.requests().findLast(({ session }) => session === done["session_id"]);
    expect(last?.userTexts.filter((text) => text === "Mind the gap.")).toHaveLength(1);
    const types = (await world.events(job.id)).map(({ type }) => type);
    for (const type of ["message.received", "message.delivered"])
      expect(types.filter((each) => each === type)).toHaveLength(1);
  });

  test("a job whose cancel was asked for when its server was killed is cancelled, and not started again", async () => {
    await using world = await aWorld();
    const stubborn = join(world.home, "bin/stubborn");
    world.write("bin/stubborn", "#!/bin/bash\ntrap '' TERM INT\nwhile :; do sleep 60; done\n");
    chmodSync(stubborn, 0o755);
    const first = await world.serve({ direct: true, env: { AGENTICORE_CLAUDE_BINARY: stubborn } });
    const { id } = await world.submit({ task: "Stay." });
    await world.until(id, (job) => job["pid"] !== undefined);
    await world.call("POST", `/jobs/${id}/cancel`);

    await first.kill();
    await world.serve({ direct: true });
    const job = await world.ended(id);

    expect(job).toMatchObject({ status: "cancelled", error_code: "cancelled", attempt: 1 });
    expect(world.model.requests()).toEqual([]);
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing of it lives" });
  });

  test("a warden that is stopped holds up nobody: a cancelled job is dead all the same", async () => {
    await using world = await aWorld();
    await using repo = await sampleRepo();
    await world.serve({ direct: true });
    const job = await working(world, repo.path, "[[scenario:slow]]");
    process.kill(Number(job["pid"]), "SIGSTOP");
    await world.call("POST", `/jobs/${job.id}/cancel`);
    expect(await world.ended(job.id)).toMatchObject({ status: "cancelled", attempt: 1 });
    expect(world.jobProcesses()).toEqual([]);
    expect(world.remains()).toEqual([]);
  });

  test("kill -9 of a runner beside an API: the API stays, and the next runner goes on with the job", async () => {
    await using world = await aWorld();
    await using repo = await sampleRepo();
    await world.serve({ direct: true, args: ["--no-runner"] });
    const runner = await world.runner();
    const job = await working(world, repo.path);

    await runner.kill();
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing survives the runner" });
    expect(await world.job(job.id)).toMatchObject({ status: "running", attempt: 1 });
    const next = await world.runner();
    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 2, worktree_path: job["worktree_path"] });
    expectNoOverlap(gitIn(repo.path)("show", `${done["branch"]}:heartbeat.txt`));
    expect(await next.end("SIGTERM")).toBe(0);
  });

  test("a runner that stood still past its lease goes on with its job when the attempt before has put its things away", async () => {
    await using world = await aWorld({ AGENTICORE_LEASE_SECONDS: "6" });
    await using repo = await sampleRepo();
    const git = gatedGit(world.home);
    git.hold("worktree", "after");
    await world.serve({ direct: true, args: ["--no-runner"] });
    const runner = await world.runner({ PATH: git.path });
    const task = "Add a file. [[scenario:write-commit file=added.txt content=hi]]";
    const { id } = await world.submit({ task, repo_url: repo.path });
    await git.reached("worktree");

    await stopBetweenWrites(world, runner);
    await world.until(id, (seen) => seen.status === "queued");
    runner.signal("SIGCONT");
    await world.until(id, (seen) => seen["attempt"] === 2);
    git.release("worktree");
    const done = await world.ended(id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 2, diff: { files: 1 } });
    expect(done["attempts"]).toMatchObject([{ reason: "lease_lost" }, { reason: "ended" }]);
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*", "--format=%(refname:short)")).toBe(done["branch"]);
    expect(world.remains()).toEqual([]);
    expect(await runner.end("SIGTERM")).toBe(0);
  });

  test("kill -9 of one of two runners: the other takes the job over when its lease is over", async () => {
    await using world = await aWorld({ AGENTICORE_LEASE_SECONDS: "8" });
    await using repo = await sampleRepo();
    await world.serve({ direct: true, args: ["--no-runner"] });
    const first = await world.runner();
    const job = await working(world, repo.path);
    const second = await world.runner();

    await first.kill();
    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 2 });
    expect(done["attempts"]).toMatchObject([{ reason: "lease_lost" }, { reason: "ended" }]);
    expectNoOverlap(gitIn(repo.path)("show", `${done["branch"]}:heartbeat.txt`));
    expect(world.remains()).toEqual([]);
    expect(await second.end("SIGTERM")).toBe(0);
  });

  test("a runner that is stopped past its lease has no job any more: another one ends it, and when it wakes it changes nothing", async () => {
    await using world = await aWorld({ AGENTICORE_LEASE_SECONDS: "8" });
    await using repo = await sampleRepo();
    await world.serve({ direct: true, args: ["--no-runner"] });
    const first = await world.runner();
    const job = await working(world, repo.path, "[[scenario:slow]]");

    await stopBetweenWrites(world, first);
    const second = await world.runner();
    const retaken = await world.until(job.id, (seen) => seen["attempt"] === 2 && seen["phase"] === "running");
    const before = beats(retaken).split("\n").length;
    await eventually(() => beats(retaken).split("\n").length > before + 3, { what: "the second attempt works" });
    first.signal("SIGCONT");
    await eventually(() => /lease was lost|lease-lost|no longer leased/.test(first.stderr()), {
      what: () => `the first runner learns of it; it said ${first.stderr()}`,
    });
    const after = beats(retaken).split("\n").length;
    await eventually(() => beats(retaken).split("\n").length > after + 3, { what: "the second attempt still works" });
    release(retaken);
    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 2 });
    expectNoOverlap(gitIn(repo.path)("show", `${done["branch"]}:heartbeat.txt`));
    const events = await world.events(job.id);
    const claimed = events.findLastIndex(({ type }) => type === "job.claimed");
    expect(
      events
        .slice(claimed)
        .map(({ attempt }) => attempt)
        .every((attempt) => attempt === 2),
    ).toBe(true);
    expect(gitIn(repo.path)("branch", "--list", "agenticore-*").split("\n")).toHaveLength(1);
    for (const runner of [first, second]) expect(await runner.end("SIGTERM")).toBe(0);
    expect(world.jobProcesses()).toEqual([]);
    expect(world.remains()).toEqual([]);
  });
});
