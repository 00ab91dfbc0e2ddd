import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ARedis, startRedis } from "../support/a-redis.ts";
import type { Served } from "../support/a-server.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";

type Stage = Readonly<{ redis: ARedis; world: World; runner: Served; api: Served }>;

/** One Redis that keeps what it has answered, an API, and a runner whose lease lasts so long. */
async function aStage(leaseSeconds: number): Promise<Stage & AsyncDisposable> {
  const redis = await startRedis({ durable: true });
  const world = await aWorld({ REDIS_URL: redis.url, AGENTICORE_LEASE_SECONDS: String(leaseSeconds) });
  const api = await world.serve({ direct: true, args: ["--no-runner"] });
  const runner = await world.runner();
  return {
    ...{ redis, world, runner, api },
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}

/** A job whose tool works until it is released. */
async function aBusyJob({ world }: Stage) {
  const { id } = await world.submit({ task: "Work on. [[scenario:slow]]" });
  const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
  const tree = String(job["worktree_path"]);
  await eventually(() => existsSync(join(tree, "heartbeat.txt")), { what: "Claude's tool works" });
  return { id, job, release: () => writeFileSync(join(tree, "released"), "") };
}

const spooled = (world: World, folder: string): string[] => {
  const path = join(world.home, ".agenticore/spool", folder);
  return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith(".json")) : [];
};
const renewalsFailed = ({ runner }: Stage, times: number) =>
  eventually(() => runner.stderr().split("the lease could not be renewed").length > times, {
    what: "an outage that is felt",
  });
const reasons = (job: SeenJob) => (job["attempts"] as { reason: string }[]).map(({ reason }) => reason);

describe.concurrent("Redis is away", () => {
  test("for less than the lease: jobs go on, new ones are accepted, and nobody loses an attempt", async () => {
    await using stage = await aStage(120);
    const { redis, world } = stage;
    const busy = await aBusyJob(stage);
    await redis.kill9();
    await renewalsFailed(stage, 1);

    const late = await world.submit({ task: "Say hello. [[scenario:text]]" });
    expect(late).toMatchObject({ status: "queued", durability: "spooled" });
    expect(await world.job(busy.id)).toMatchObject({ source: "file", stale: true });
    expect((await world.call("GET", "/ready")).body).toMatchObject({
      parts: { store: { ok: false }, spool: { waiting: 1 } },
    });
    await redis.restart();
    busy.release();

    expect(await world.ended(busy.id)).toMatchObject({ status: "succeeded", attempt: 1 });
    const done = await world.ended(late.id);
    expect(done).toMatchObject({ id: late.id, status: "succeeded", attempt: 1 });
    expect(done).not.toHaveProperty("durability");
    expect(spooled(world, "submissions")).toEqual([]);
    const types = (await world.events(busy.id)).map(({ type }) => type);
    expect(types.filter((type) => /^job\./.test(type))).toEqual(["job.queued", "job.claimed", "job.succeeded"]);
    expect(types.filter((type) => type === "tool.ended")).toHaveLength(
      types.filter((type) => type === "tool.started").length,
    );
  });

  test("for longer: Claude is ended before anybody else may have the job, which then goes on where it was", async () => {
    await using stage = await aStage(6);
    const { redis, world } = stage;
    const busy = await aBusyJob(stage);
    await redis.kill9();
    await eventually(() => world.jobProcesses().length === 0, { what: "the tree is ended while Redis is away" });
    expect(await world.job(busy.id)).toMatchObject({ status: "running", stale: true });
    busy.release();
    await redis.restart();

    const done = await world.ended(busy.id);
    const { session_id, worktree_path } = busy.job;
    expect(done).toMatchObject({ status: "succeeded", attempt: 2, session_id, worktree_path });
    expect(reasons(done)).toEqual(["lease_lost", "ended"]);
    await eventually(() => spooled(world, "endings").length === 0, { what: "the end is confirmed" });
  });

  test("while a job ends and its runner is killed: the next runner tells the end, and the work is not done again", async () => {
    await using stage = await aStage(60);
    const { redis, world } = stage;
    const busy = await aBusyJob(stage);
    await redis.kill9();
    busy.release();
    await eventually(() => spooled(world, "endings").length === 1, { what: "the end is on the disk" });
    const asked = world.model.requests().length;
    await stage.runner.kill();
    const next = await world.runner();
    expect(next.stderr()).toContain("told later");
    await redis.restart();

    const done = await world.ended(busy.id);
    expect(done).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(reasons(done)).toEqual(["ended"]);
    expect(world.model.requests()).toHaveLength(asked);
    const types = (await world.events(busy.id)).map(({ type }) => type);
    for (const type of ["job.claimed", "claude.started", "job.succeeded"])
      expect(types.filter((each) => each === type)).toHaveLength(1);
    await eventually(() => spooled(world, "endings").length === 0, { what: "the end is confirmed" });
  });

  test("while a server accepts jobs and is killed: the next one queues them under the same ids, but not the one that was cancelled", async () => {
    await using stage = await aStage(30);
    const { redis, world } = stage;
    // Not answering is worse than not being there.
    redis.freeze();
    const headers = { "idempotency-key": "k-1" };
    const request = { task: "Say hello. [[scenario:text]]" };
    const [first, again, unwanted] = [
      await world.as(headers)("POST", "/jobs", request),
      await world.as(headers)("POST", "/jobs", request),
      await world.submit(request),
    ];
    const { id } = first.body["job"] as SeenJob;
    expect([first.status, again.status, (again.body["job"] as SeenJob).id]).toEqual([202, 200, id]);
    expect((await world.call("POST", `/jobs/${unwanted.id}/cancel`)).body["job"]).toMatchObject({ status: "queued" });
    await stage.api.kill();
    await world.serve({ direct: true, args: ["--no-runner"] });
    expect(spooled(world, "submissions")).toHaveLength(2);
    redis.thaw();

    expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(await world.ended(unwanted.id)).toMatchObject({ status: "cancelled", attempt: 0 });
    expect(spooled(world, "submissions")).toEqual([]);
  });
});
