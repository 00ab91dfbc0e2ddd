import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

const git = (cwd: string, ...args: string[]) => execFileSync("git", args, { cwd, encoding: "utf8" }).trim();
const livingWorktrees = (home: string) => {
  const root = join(home, ".agenticore/worktrees");
  return existsSync(root) ? readdirSync(root).filter((name) => !name.startsWith(".")) : [];
};

/** Files of ours that others could read if they reached them; what git and programs make lies in folders of 0700. */
const openToOthers = (folder: string) =>
  execFileSync("find", [
    ...[
      folder,
      "(",
      ...["git/*/*", "repos/*/*", "worktrees/*"].flatMap((path) => ["-o", "-path", join(folder, path)]).slice(1),
    ],
    ...[")", "-prune"],
    ...["-o", "-type", "f", "-perm", "/077", "-print"],
  ])
    .toString()
    .split("\n")
    .filter((path) => path !== "");

test("a job in a repository ends as a commit on its own branch there, and nothing of it is left behind", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  await world.serve({ direct: true });

  const job = await world.submit({
    task: "Please add a file. [[scenario:write-commit file=added.txt content=hi]]",
    repo_url: repo.path,
  });
  const done = await world.ended(job.id);

  expect(done).toMatchObject({ status: "succeeded", attempt: 1, exit_code: 0, diff: { files: 1 } });
  expect(done["branch"]).toBe(`agenticore-${job.id.slice(0, 8)}`);
  expect(git(repo.path, "rev-parse", String(done["branch"]))).toBe(done["commit"]);
  expect(git(repo.path, "show", `${done["branch"]}:added.txt`)).toBe("hi");
  expect(git(repo.path, "status", "--porcelain")).toBe("");
  const types = (await world.events(job.id)).map((event) => event.type);
  expect(types.filter((type) => type.startsWith("job."))).toEqual(["job.queued", "job.claimed", "job.succeeded"]);
  expect(types).toEqual(
    expect.arrayContaining([
      "repo.fetched",
      "worktree.opened",
      "claude.started",
      "tool.started",
      "work.committed",
      "branch.pushed",
    ]),
  );
  expect(types.at(-1)).toBe("job.succeeded");
  expect(Number(done["cost_usd"])).toBeGreaterThan(0);
  expect(world.jobProcesses()).toEqual([]);
  expect(livingWorktrees(world.home)).toEqual([]);
  expect(openToOthers(join(world.home, ".agenticore"))).toEqual([]);
});

test("W-07: a cancelled job is dead within 5 s, with the daemon that it started, and stays cancelled", async () => {
  await using world = await aWorld();
  await world.serve({ direct: true });
  const job = await world.submit({ task: "Start a daemon. [[scenario:detached-child]]" });
  const running = await world.until(
    job.id,
    (seen) => seen["worktree_path"] !== undefined && seen["phase"] === "running",
  );
  const daemonPid = join(String(running["worktree_path"]), "daemon.pid");
  await eventually(() => existsSync(daemonPid), { what: "the daemon has started" });

  const asked = performance.now();
  const { status, body } = await world.call("POST", `/jobs/${job.id}/cancel`);
  expect(status).toBe(200);
  expect((body["job"] as Record<string, unknown>)["cancel_requested_at"]).toBeDefined();
  await eventually(() => world.jobProcesses().length === 0, { deadlineMs: 10_000, what: "no process lives" });
  expect(performance.now() - asked).toBeLessThan(6_500);

  const done = await world.ended(job.id);
  expect(done).toMatchObject({ status: "cancelled", error_code: "cancelled" });
});

test("W-05: a job over its time is ended as timeout, with nothing alive", async () => {
  await using world = await aWorld();
  await world.serve({ direct: true });
  const job = await world.submit({ task: "Take your time. [[scenario:slow]]", timeout_seconds: 4 });
  const done = await world.ended(job.id);
  expect(done).toMatchObject({ status: "failed", error_code: "timeout" });
  expect(done["remedy"]).toMatch(/timeout_seconds/);
  expect(world.jobProcesses()).toEqual([]);
});

test("W-01: kill -9 of the whole group of `npx agenticore serve` kills Claude; the next serve goes on with the same session and tree", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const first = await world.serve();
  const job = await world.submit({ task: "Work on. [[scenario:slow once=yes]]", repo_url: repo.path });
  const running = await world.until(
    job.id,
    (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined,
  );
  const beats = join(String(running["worktree_path"]), "heartbeat.txt");
  await eventually(() => existsSync(beats) && readFileSync(beats, "utf8").includes("beat 3"), {
    what: "Claude's tool works",
  });

  await first.killGroup();
  await eventually(() => world.jobProcesses().length === 0, { deadlineMs: 10_000, what: "nothing survives the group" });
  await world.serve({ direct: true });
  const done = await world.ended(job.id);

  expect(done).toMatchObject({ status: "succeeded", attempt: 2, session_id: running["session_id"] });
  expect(done["worktree_path"]).toBe(running["worktree_path"]);
  expect((done["attempts"] as { reason: string }[]).map((attempt) => attempt.reason)).toEqual(["crashed", "ended"]);
  expect(git(repo.path, "show", `${done["branch"]}:heartbeat.txt`)).toContain("beat 3");
  const last = world.model.requests().at(-1);
  expect(last?.userTexts.filter((text) => text.includes("[[scenario:slow")).length).toBe(1);
  expect(livingWorktrees(world.home)).toEqual([]);
});

test("bad input is refused with what is wrong and stores nothing", async () => {
  await using world = await aWorld();
  await world.serve({ direct: true });
  const bad: readonly (readonly [unknown, number, string])[] = [
    ["{not json", 400, ""],
    [{}, 400, "task"],
    [{ task: "" }, 400, "task"],
    [{ task: 123 }, 400, "task"],
    [{ task: "x", colour: "red" }, 400, "colour"],
    [{ task: "x", timeout_seconds: 0 }, 400, "timeout_seconds"],
    [{ task: "x", repo_url: "ext::sh -c id" }, 400, "repo_url"],
    [{ task: "x", repo_url: "https://user:pw@example.com/a" }, 400, "repo_url"],
    [{ task: "x", repo_url: "/tmp", base_ref: "--upload-pack=id" }, 400, "base_ref"],
  ];
  for (const [body, status, path] of bad) {
    const answer = await world.call("POST", "/jobs", body);
    expect(answer.status, JSON.stringify(body)).toBe(status);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.body["success"]).toBe(false);
    if (path) expect((answer.body["errors"] as { path: string }[]).map((error) => error.path)).toContain(path);
  }
  const unknown = await world.call("POST", "/jobs", { task: "x", profile: "nope" });
  expect(unknown.status).toBe(422);
  expect(String(unknown.body["detail"])).toMatch(/code.*review/s);
  expect((await world.call("GET", "/jobs?limit=abc")).status).toBe(400);
  expect((await world.call("GET", "/jobs")).body).toMatchObject({ success: true, count: 0, jobs: [] });
});
