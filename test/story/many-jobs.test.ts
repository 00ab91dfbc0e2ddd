import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

test("ten jobs at once on one repository: all succeed, each on a branch of its own, and nothing is left", async () => {
  await using world = await aWorld({ AGENTICORE_MAX_PARALLEL_JOBS: "10" });
  await using repo = await sampleRepo();
  await world.serve({ direct: true });
  const numbers = Array.from({ length: 10 }, (_, index) => index);
  const jobs = await Promise.all(
    numbers.map((number) =>
      world.submit({ task: `Add. [[scenario:write-commit file=f${number}.txt]]`, repo_url: repo.path }),
    ),
  );

  const done = await Promise.all(jobs.map(({ id }) => world.ended(id, 90_000)));

  const git = gitIn(repo.path);
  for (const [number, job] of done.entries()) {
    expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(git("diff", "--name-only", "main", String(job["branch"]))).toBe(`f${number}.txt`);
  }
  expect(git("fsck", "--full", "--strict")).toBe("");
  expect(git("status", "--porcelain")).toBe("");
  expect(world.jobProcesses()).toEqual([]);
  expect(world.remains()).toEqual([]);
});

test("two servers on one data folder share the work: each job runs once, and either tells of all", async () => {
  await using world = await aWorld({ AGENTICORE_MAX_PARALLEL_JOBS: "2" });
  await using repo = await sampleRepo();
  const servers = [
    await world.serve({ direct: true, env: { AGENTICORE_POD_NAME: "one" } }),
    await world.serve({ direct: true, env: { AGENTICORE_POD_NAME: "two" } }),
  ];
  const task = (number: number) => `Add. [[scenario:write-commit file=f${number}.txt]] [[hold:all]]`;
  const ids = await Promise.all(
    [0, 1, 2, 3, 4].map(async (number) => (await world.submit({ task: task(number), repo_url: repo.path })).id),
  );
  const list = async () => (await world.call("GET", "/jobs")).body["jobs"] as Record<string, unknown>[];
  await eventually(async () => (await list()).filter(({ status }) => status === "running").length === 4);
  expect((await list()).filter(({ status }) => status === "queued")).toHaveLength(1);
  world.model.release("all");

  const jobs = await Promise.all(ids.map((id) => world.ended(id)));

  for (const job of jobs) expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
  expect(new Set(jobs.map((job) => job["pod_name"]))).toEqual(new Set(["one", "two"]));
  for (const server of servers)
    expect((await server.call("GET", "/jobs")).body).toMatchObject({ count: 5, success: true });
  const claims = await Promise.all(
    ids.map(async (id) => (await world.events(id)).filter(({ type }) => type === "job.claimed")),
  );
  expect(claims.map(({ length }) => length)).toEqual([1, 1, 1, 1, 1]);
  expect(gitIn(repo.path)("branch", "--list", "agenticore-*").split("\n")).toHaveLength(5);
  for (const server of servers) expect(await server.end("SIGTERM")).toBe(0);
  expect(world.remains()).toEqual([]);
});

describe.concurrent("servers, runners and those who look on", () => {
  test("a job goes on when the API that took it dies, and one that is started anew tells of its end", async () => {
    await using world = await aWorld();
    const api = await world.serve({ direct: true, args: ["--no-runner"] });
    const runner = await world.runner();
    const { id } = await world.submit({ task: "Work. [[scenario:slow]]" });
    const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
    const tree = String(job["worktree_path"]);
    await eventually(() => existsSync(join(tree, "heartbeat.txt")));

    await api.kill();
    writeFileSync(join(tree, "released"), "");
    await world.serve({ direct: true, args: ["--no-runner"] });

    expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(await runner.end("SIGTERM")).toBe(0);
  });

  test("who follows a job sees it to its end over the death and return of the server, each event once", async () => {
    await using world = await aWorld();
    const first = await world.serve({ direct: true });
    const { id } = await world.submit({ task: "Work. [[scenario:slow once=yes]]" });
    const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
    await eventually(() => existsSync(join(String(job["worktree_path"]), "heartbeat.txt")));
    const follower = world.command(["job", id, "--follow", "--json"]);
    const { port } = new URL(first.url);
    await eventually(() => follower.stdout().includes("tool.started"), { what: "it has seen the tool" });

    await first.kill();
    await world.serve({ direct: true, env: { AGENTICORE_PORT: port } });
    const { code, stdout } = await follower.ended;

    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ success: true, job: { status: "succeeded", attempt: 2 } });
    expect(lines.slice(0, -1).map((event) => event["id"])).toEqual((await world.events(id)).map((event) => event.id));
  });

  test("a repository at its limit holds up its own jobs only", async () => {
    await using world = await aWorld({ AGENTICORE_REPO_LIMIT: "1" });
    await using busy = await sampleRepo();
    await using free = await sampleRepo();
    await world.serve({ direct: true });
    const task = "Think. [[scenario:text]] [[hold:busy]]";
    const first = await world.submit({ task, repo_url: busy.path });
    await world.until(first.id, ({ status }) => status === "running");
    const second = await world.submit({ task, repo_url: busy.path });
    const other = await world.submit({ task: "Go. [[scenario:text]]", repo_url: free.path });

    expect(await world.ended(other.id)).toMatchObject({ status: "succeeded" });
    expect(await world.job(second.id)).toMatchObject({ status: "queued", attempt: 0 });
    world.model.release("busy");
    for (const { id } of [first, second])
      expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
  });

  test("a job that nobody takes within its queue time is expired, and says what to do", async () => {
    await using world = await aWorld({ AGENTICORE_QUEUE_TTL: "1" });
    await world.serve({ direct: true, args: ["--no-runner"] });
    const { id } = await world.submit({ task: "Go." });
    const job = await world.ended(id);
    expect(job).toMatchObject({ status: "expired", error_code: "queue_expired", attempt: 0 });
    expect(job["remedy"]).toContain("runner");
    expect((await world.events(id)).at(-1)?.type).toBe("job.expired");
  });
});
