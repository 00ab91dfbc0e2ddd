import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Served } from "./a-server.ts";
import { aWorld, ownFolders, type World } from "./a-world.ts";
import { eventually } from "./eventually.ts";

/** Where the processes of a story keep their jobs: what tells them so, and whether they share nothing else. */
export type Meeting = AsyncDisposable &
  Readonly<{
    env: Readonly<Record<string, string>>;
    /** Of the runner on the other box, beside these, once there is a server: with folders of its own. Absent: both share the data folder. */
    otherBox?: (world: World, served: Served) => Promise<Readonly<Record<string, string>>>;
  }>;
type OpenMeeting = () => Promise<Meeting>;

/** What one process asks of a job that another one holds: the same over every store that they can share. */
export function twoBoxesStory(open: OpenMeeting): void {
  test("a cancel through one process stops a job that another one holds within two seconds", async () => {
    await using meeting = await open();
    await using world = await aWorld(meeting.env);
    const served = await world.serve({ direct: true, args: ["--no-runner"] });
    const runner = await world.runner(await box({ world, served }, meeting, "box-2"));
    const { id } = await aBusyJob(world);
    const asked = performance.now();
    const { status, body } = await world.call("POST", `/jobs/${id}/cancel`);
    const answeredMs = performance.now() - asked;

    expect(status).toBe(200);
    expect(body["job"]).toMatchObject({ status: "running", cancel_requested_at: expect.any(String) });
    await eventually(() => world.jobProcesses().length === 0, { what: "nothing of the job lives" });
    expect(performance.now() - asked - answeredMs).toBeLessThan(2_000);
    expect(await world.ended(id)).toMatchObject({ status: "cancelled", error_code: "cancelled", attempt: 1 });
    const types = (await world.events(id)).map(({ type }) => type);
    expect(types.filter((type) => type === "cancel.requested")).toHaveLength(1);
    expect(types.at(-1)).toBe("job.cancelled");
    expect(await runner.end("SIGTERM")).toBe(0);
  });

  test("a drain through one process reaches a runner elsewhere within two seconds: it takes no more, and finishes what it has", async () => {
    await using meeting = await open();
    await using world = await aWorld({ ...meeting.env, AGENTICORE_MAX_PARALLEL_JOBS: "2" });
    const served = await world.serve({ direct: true, args: ["--no-runner"] });
    const runner = await world.runner({
      ...(await box({ world, served }, meeting, "box-2")),
      AGENTICORE_POD_NAME: "box-2",
    });
    const busy = await aBusyJob(world);
    const runners = async () => (await world.call("GET", "/runners")).body["runners"] as Record<string, unknown>[];
    await eventually(async () => (await runners())[0]?.["running"] === 1, { what: "its job is told" });

    const asked = performance.now();
    expect((await world.call("POST", "/runners/box-2/drain")).body).toMatchObject({ success: true, draining: 1 });
    await eventually(() => runner.stderr().includes("asked to drain"), { what: () => `it drains: ${runner.stderr()}` });
    expect(performance.now() - asked).toBeLessThan(2_000);
    const late = await world.submit({ task: "Go. [[scenario:text]]" });
    busy.release();

    expect(await world.ended(busy.id)).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(await runner.gone).toBe(0);
    expect(await world.job(late.id)).toMatchObject({ status: "queued", attempt: 0 });
    expect(await runners()).toEqual([]);
  });

  test("a message through one process reaches a job that another one holds, once", async () => {
    await using meeting = await open();
    await using world = await aWorld(meeting.env);
    const served = await world.serve({ direct: true, args: ["--no-runner"] });
    const runner = await world.runner(await box({ world, served }, meeting, "box-2"));
    const busy = await aBusyJob(world);
    expect((await world.call("POST", `/jobs/${busy.id}/messages`, { text: "And more." })).status).toBe(202);
    await eventually(async () => (await world.events(busy.id)).some(({ type }) => type === "message.received"));
    busy.release();

    expect(await world.ended(busy.id)).toMatchObject({ status: "succeeded" });
    const types = (await world.events(busy.id)).map(({ type }) => type);
    expect(types.filter((type) => type === "message.delivered")).toHaveLength(1);
    expect(await runner.end("SIGTERM")).toBe(0);
  });
}

type Place = Readonly<{ world: World; served: Served }>;

/** Settings of a process on a box of its own, below the world's home so that its leftovers are seen. */
async function box(
  { world, served }: Place,
  { otherBox }: Meeting,
  name: string,
): Promise<Readonly<Record<string, string>>> {
  return otherBox ? { ...(await otherBox(world, served)), ...ownFolders(world, name) } : {};
}

/** A job whose tool runs until it is released. */
async function aBusyJob(world: World) {
  const { id } = await world.submit({ task: "Work. [[scenario:slow]]" });
  const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
  const tree = String(job["worktree_path"]);
  await eventually(() => existsSync(join(tree, "heartbeat.txt")), { what: "its tool runs" });
  return { id, release: () => writeFileSync(join(tree, "released"), "") };
}
