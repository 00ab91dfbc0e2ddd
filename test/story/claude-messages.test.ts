import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleRepo } from "../support/a-repo.ts";
import { aWorld, type SeenJob, type World } from "../support/a-world.ts";
import { claudeBinary } from "../support/claude-cli.ts";
import { eventually } from "../support/eventually.ts";
import { gatedGit } from "../support/gated-git.ts";

let world: World;
beforeAll(async () => {
  world = await aWorld();
  await world.serve({ direct: true });
});
afterAll(() => world[Symbol.asyncDispose]());

const say = (id: string, text: string, mode?: string) =>
  world.call("POST", `/jobs/${id}/messages`, { text, ...(mode === undefined ? {} : { mode }) });
const inTree = (job: SeenJob, file: string) => join(String(job["worktree_path"]), file);
const typesOf = async (id: string) => (await world.events(id)).map(({ type }) => type);

/** A job whose tool works until the file `released` is there. */
async function working(task = "Work. [[scenario:slow]]"): Promise<SeenJob> {
  const { id } = await world.submit({ task });
  const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
  await eventually(() => existsSync(inTree(job, "heartbeat.txt")), { what: "the tool works" });
  return job;
}

describe.concurrent("a person speaks to a running job", () => {
  test("a queued message is stored at once, reaches the model after the tool that runs, in the same conversation", async () => {
    const job = await working();
    const sent = await say(job.id, "And mention the weather.");
    expect(sent.status).toBe(202);
    expect(await typesOf(job.id)).toContain("message.received");
    expect(await typesOf(job.id)).not.toContain("message.delivered");

    writeFileSync(inTree(job, "released"), "");
    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(done["output"]).toContain("Heard: And mention the weather.");
    const types = await typesOf(job.id);
    expect(types.filter((type) => type === "message.delivered")).toHaveLength(1);
    expect(types.indexOf("message.delivered")).toBeGreaterThan(types.indexOf("message.received"));
  });

  test("an interrupting message stops the tool, and Claude turns to what it says", async () => {
    const job = await working();
    expect((await say(job.id, "Stop. [[scenario:text say=stopped]]", "interrupt")).status).toBe(202);

    const done = await world.ended(job.id);

    expect(done).toMatchObject({ status: "succeeded", attempt: 1, output: "stopped" });
    const beats = readFileSync(inTree(job, "heartbeat.txt"), "utf8").split("\n").length;
    expect(beats).toBeLessThan(400);
    expect(existsSync(inTree(job, "slow.txt"))).toBe(false);
    expect(await typesOf(job.id)).toEqual(expect.arrayContaining(["message.received", "message.delivered"]));
  });

  test("one that is accepted when Claude is about to exit, or has done so, is heard by another attempt, in the same session", async () => {
    await using late = await aWorld();
    // It has said its last word, and stays until the message is there.
    const slowExit = `#!/bin/bash
"${claudeBinary()}" "$@"
code=$?
[[ $1 != -p || -e ended ]] || { echo > ended; until [ -e released ]; do sleep 0.05; done; }
exit $code
`;
    late.write("bin/claude", slowExit);
    chmodSync(join(late.home, "bin/claude"), 0o755);
    // What it starts may lie below /tmp, which a job in namespaces has as its own.
    const env = { AGENTICORE_CLAUDE_BINARY: join(late.home, "bin/claude"), AGENTICORE_SANDBOX: "none" };
    await late.serve({ direct: true, env });
    const { id } = await late.submit({ task: "Go. [[scenario:text say=done]]", max_attempts: 1 });
    const job = await late.until(id, (seen) => existsSync(inTree(seen, "ended")));
    expect(await late.call("POST", `/jobs/${id}/messages`, { text: "One more thing." })).toMatchObject({ status: 202 });
    writeFileSync(inTree(job, "released"), "");

    const done = await late.ended(id);
    expect(done, String(done["error"])).toMatchObject({
      status: "succeeded",
      attempt: 2,
      session_id: job["session_id"],
    });
    expect(done["output"]).toContain("One more thing.");
    expect(done["warnings"]).toBeUndefined();
    const types = (await late.events(id)).map(({ type }) => type);
    expect(types.filter((type) => type === "message.delivered")).toHaveLength(1);
  });

  test("one that comes when the work is on its way to the repository is told of as not heard", async () => {
    await using late = await aWorld();
    await using repo = await sampleRepo();
    const git = gatedGit(late.home);
    git.hold("push");
    await late.serve({ direct: true, env: { PATH: git.path } });
    const { id } = await late.submit({ task: "Add. [[scenario:write-commit file=a.txt]]", repo_url: repo.path });
    await git.reached("push");
    expect(await late.call("POST", `/jobs/${id}/messages`, { text: "One more thing." })).toMatchObject({ status: 202 });
    git.release("push");

    const done = await late.ended(id);
    expect(done).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(done["warnings"]).toEqual([expect.stringContaining("not read")]);
    expect((await late.events(id)).map(({ type }) => type)).not.toContain("message.delivered");
  });

  test("several messages arrive in the order in which they were sent, each once", async () => {
    const job = await working();
    for (const text of ["first", "second", "third"]) await say(job.id, text);
    writeFileSync(inTree(job, "released"), "");
    const done = await world.ended(job.id);

    expect(done["status"]).toBe("succeeded");
    const last = world.model.requests().findLast(({ session }) => session === done["session_id"]);
    expect(last?.userTexts.filter((text) => /^(first|second|third)$/.test(text))).toEqual(["first", "second", "third"]);
    const events = await world.events(job.id);
    const ids = (type: string) => events.filter((event) => event.type === type).map(({ data }) => data["message_id"]);
    expect(ids("message.delivered")).toEqual(ids("message.received"));
  });
});

test("a message to a job that still waits is given to Claude after its first turn has begun", async () => {
  const { id } = await world.submit({ task: "Wait. [[scenario:text say=hello]]", pool: "later" });
  expect((await say(id, "Also this. [[scenario:text say=both]]")).status).toBe(202);
  expect((await world.job(id)).status).toBe("queued");
  const later = await world.serve({ direct: true, env: { AGENTICORE_POOLS: "later" } });

  const done = await world.ended(id);

  expect(done).toMatchObject({ status: "succeeded", output: "both" });
  expect(await typesOf(id)).toEqual(expect.arrayContaining(["message.received", "message.delivered"]));
  const said = world.model.requests().findLast(({ session }) => session === done["session_id"])?.userTexts;
  expect(said).toEqual(["Wait. [[scenario:text say=hello]]", "Also this. [[scenario:text say=both]]"]);
  expect(await later.end("SIGTERM")).toBe(0);
});

test("a job that has ended takes no message, and one that is not there neither", async () => {
  await world.serve({ direct: true });
  const { id } = await world.submit({ task: "Go. [[scenario:text]]" });
  await world.ended(id);

  const late = await say(id, "Too late.");

  expect(late).toMatchObject({ status: 409, body: { success: false } });
  expect((await say("6f9619ff-8b86-4d01-b42d-00c04fc964ff", "Anyone?")).status).toBe(404);
  expect(await typesOf(id)).not.toContain("message.received");
});
