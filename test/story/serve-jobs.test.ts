import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { processesWith } from "../support/leftovers.ts";

/** A job whose Claude works until `release` is called. */
async function aWorkingJob(world: World, repo: string) {
  const job = await world.submit({ task: "Work on. [[scenario:slow]]", repo_url: repo });
  const running = await world.until(job.id, (seen) => seen["worktree_path"] !== undefined);
  const tree = String(running["worktree_path"]);
  await eventually(() => existsSync(join(tree, "heartbeat.txt")), { what: "Claude's tool works" });
  return { id: job.id, release: () => writeFileSync(join(tree, "released"), "") };
}

test.concurrent("a second server on the same data folder leaves the first one's running job alone", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  await world.serve({ direct: true });
  const job = await aWorkingJob(world, repo.path);

  const second = await world.serve({ direct: true });
  await eventually(() => second.stderr().includes("runner ready"), { what: "the second runner has looked round" });
  job.release();

  expect(await world.ended(job.id)).toMatchObject({ status: "succeeded", attempt: 1, attempts: [{ reason: "ended" }] });
});

test.concurrent("W-03: a signal lets the running job end before the server does, and takes no other", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const first = await world.serve({ direct: true });
  const job = await aWorkingJob(world, repo.path);
  const ended = first.end("SIGTERM");
  await eventually(() => first.stderr().includes("Draining"), { what: "it drains" });
  const next = await world.submit({ task: "Say hello. [[scenario:text]]" });
  job.release();

  expect(await ended).toBe(0);
  await world.serve({ direct: true });
  expect(await world.job(job.id)).toMatchObject({ status: "succeeded", attempt: 1 });
  expect(await world.ended(next.id)).toMatchObject({ status: "succeeded", attempt: 1 });
});

test.concurrent("a second signal stops at once; the job goes back to the queue and costs no attempt", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  const first = await world.serve({ direct: true });
  const job = await aWorkingJob(world, repo.path);
  const ended = first.end("SIGINT");
  await eventually(() => first.stderr().includes("Draining"), { what: "it drains" });
  // Until it is taken for a second one: what comes at once is the same key press.
  const again = setInterval(() => void first.end("SIGINT"), 100);
  await ended.finally(() => clearInterval(again));
  expect(world.jobProcesses()).toEqual([]);

  await world.serve({ direct: true });
  const queued = await world.job(job.id);
  expect(queued["attempts"]).toMatchObject([{ number: 1, reason: "drained" }]);
});

test.concurrent.each(["SIGTERM", "SIGKILL"] as const)(
  "%s to npx alone leaves no server behind: it drains and ends",
  async (signal) => {
    await using world = await aWorld();
    const server = await world.serve();
    const servers = () => processesWith("HOME", world.home).length;
    expect(servers()).toBeGreaterThan(0);

    await server.end(signal);

    await eventually(() => servers() === 0, { deadlineMs: 10_000, what: () => `it ends; it said ${server.stderr()}` });
  },
);

test.concurrent("`agenticore drain` waits for the jobs of this machine's runner, and its server stays up", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  await world.serve({ direct: true });
  const job = await aWorkingJob(world, repo.path);
  const drained = world.cli(["drain", "--timeout", "60"]);
  await eventually(
    async () => ((await world.call("GET", "/runners")).body["runners"] as { draining: boolean }[])[0]?.draining,
    {
      what: "the runner drains",
    },
  );
  job.release();

  expect(await drained).toMatchObject({ code: 0, stdout: "" });
  expect(await world.job(job.id)).toMatchObject({ status: "succeeded" });
});

test.concurrent("the whole way as a person goes it: run --follow shows the work and ends with the branch", async () => {
  await using world = await aWorld();
  await using repo = await sampleRepo();
  await world.serve({ direct: true });

  const { code, stdout, stderr } = await world.cli([
    "run",
    "Please add a file. [[scenario:write-commit file=added.txt content=hi]]",
    "-r",
    repo.path,
    "--follow",
  ]);

  expect(code).toBe(0);
  expect(stdout).toMatch(
    /claimed by[\s\S]*fetched main[\s\S]*Claude started[\s\S]*committed[\s\S]*pushed agenticore-[\s\S]*succeeded/,
  );
  expect(stdout).toMatch(/branch: +agenticore-/);
  expect(stderr).toMatch(/^Job \S+ is queued\.\n$/m);
});
