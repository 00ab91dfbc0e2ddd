import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { gitIn } from "../support/sample-repo.ts";

test("below the disk's low-water mark nothing is claimed, and runner, log and doctor say so", async () => {
  await using world = await aWorld({ AGENTICORE_DISK_LOW_WATER: "100%" });
  const server = await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Go. [[scenario:text]]" });

  await eventually(() => /disk is nearly full/.test(server.stderr()), { what: () => `it says so: ${server.stderr()}` });
  const runners = await eventually(async () => {
    const found = (await world.call("GET", "/runners")).body["runners"] as Record<string, unknown>[];
    return found.length > 0 ? found : undefined;
  });

  expect(runners).toMatchObject([{ disk: { low: true } }]);
  expect(await world.job(id)).toMatchObject({ status: "queued", attempt: 0 });
  expect((await world.cli(["doctor"])).stdout).toMatch(/^broken +disk .*under the mark of 100%/m);
  expect(server.stderr().match(/disk is nearly full/g)).toHaveLength(1);

  // Enough room again: another runner of the same folder takes it.
  await world.serve({ direct: true, env: { AGENTICORE_DISK_LOW_WATER: "1K" } });
  expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
});

/** A disk of two megabytes for the worktrees, seen by the server alone: it goes with it. */
const onSmallDisk = (folder: string): readonly string[] => [
  "unshare",
  ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"]),
  ...["--mount", "sh", "-c", 'mkdir -p "$0" && mount -t tmpfs -o size=2m none "$0" && exec "$@"', folder],
];

test("a worktree that does not fit on the disk fails the job as disk_full, leaves nothing there, and the next job runs", async () => {
  await using world = await aWorld({ AGENTICORE_DISK_LOW_WATER: "1K" });
  await using big = await sampleRepo();
  await using small = await sampleRepo();
  const git = gitIn(big.path);
  for (const name of ["a", "b", "c"]) git("-c", "alias.fill=!head -c 1000000 /dev/urandom >", "fill", name);
  git("add", ".");
  git("commit", "-q", "-m", "three megabytes");
  await world.serve({ direct: true, under: onSmallDisk(join(world.home, ".agenticore/worktrees")) });

  const full = await world.submit({ task: "Go. [[scenario:write-commit]]", repo_url: big.path });
  const job = await world.ended(full.id);

  expect(job).toMatchObject({ status: "failed", error_code: "disk_full" });
  expect(job["remedy"]).toMatch(/[Ff]ree space/);
  const next = await world.submit({ task: "Go. [[scenario:write-commit]]", repo_url: small.path });
  expect(await world.ended(next.id)).toMatchObject({ status: "succeeded", diff: { files: 1 } });
  expect(existsSync(join(big.path, ".git/refs/heads", String(job["branch"])))).toBe(false);
});

test("a tool that fills the disk is the task's own trouble: the job ends, the server lives", async () => {
  await using world = await aWorld({ AGENTICORE_DISK_LOW_WATER: "1K" });
  await using repo = await sampleRepo();
  await world.serve({ direct: true, under: onSmallDisk(join(world.home, ".agenticore/worktrees")) });
  const command = "head -c 9000000 /dev/zero > big.bin";

  const { id } = await world.submit({ task: `Fill. [[scenario:run command="${command}"]]`, repo_url: repo.path });
  const job = await world.ended(id);

  expect(["succeeded", "failed"]).toContain(job["status"]);
  const tool = (await world.events(id)).find(({ type }) => type === "tool.ended");
  expect(tool).toMatchObject({ data: { is_error: true, output: expect.stringContaining("No space left") } });
  const next = await world.submit({ task: "Go. [[scenario:text say=alive]]" });
  expect(await world.ended(next.id)).toMatchObject({ status: "succeeded", output: "alive" });
});

test("a second signal gives the running job back; the next server ends it in the same session and tree, and no attempt is burnt", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const first = await world.serve({ direct: true });
  const work = { task: "Work. [[scenario:slow once=yes]]", repo_url: repo.path, max_attempts: 1 };
  const { id } = await world.submit(work);
  const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
  await eventually(() => existsSync(join(String(job["worktree_path"]), "heartbeat.txt")));

  first.signal("SIGTERM");
  await eventually(() => first.stderr().includes("Draining"));
  const again = setInterval(() => first.signal("SIGTERM"), 400);
  await first.gone.finally(() => clearInterval(again));
  expect(world.jobProcesses()).toEqual([]);
  await world.serve({ direct: true });
  const done = await world.ended(id);

  const { session_id, worktree_path } = job;
  expect(done).toMatchObject({ status: "succeeded", attempt: 2, session_id, worktree_path });
  expect(done["attempts"]).toMatchObject([{ reason: "drained" }, { reason: "ended" }]);
  expect(gitIn(repo.path)("branch", "--list", "agenticore-*", "--format=%(refname:short)")).toBe(done["branch"]);
});
