import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Question } from "../../shared/question.ts";
import { throughApi } from "../support/a-runner-key.ts";
import { aWorld, ownFolders, type World } from "../support/a-world.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";

/** An API with the embedded store, and a box that has its address and a key of these options. */
async function aStage({ lease = 60, key = [] }: { lease?: number; key?: readonly string[] } = {}) {
  const port = String(await freePort());
  const settings = { ...throughApi.api, AGENTICORE_LEASE_SECONDS: String(lease), AGENTICORE_PORT: port };
  const world = await aWorld(settings);
  const serve = () => world.serve({ direct: true, args: ["--no-runner"] });
  const api = await serve();
  const env = { ...(await throughApi.runner(world, api, key)), ...ownFolders(world, "box") };
  return {
    ...{ world, api, serve, env },
    start: (more: Readonly<Record<string, string>> = {}) => world.runner({ ...env, ...more }),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** A job whose tool works until it is released. */
async function aBusyJob(world: World) {
  const { id } = await world.submit({ task: "Work on. [[scenario:slow]]" });
  const job = await world.until(id, (seen) => seen["phase"] === "running" && seen["worktree_path"] !== undefined);
  const tree = String(job["worktree_path"]);
  await eventually(() => existsSync(join(tree, "heartbeat.txt")), { what: "Claude's tool works" });
  return { id, job, release: () => writeFileSync(join(tree, "released"), "") };
}

/** What its permissions do not allow, Claude asks for. */
const careful = "approvals: ask\nauto_pr: false\nclaude: {permission_mode: default, allowed_tools: [Read]}\n";

/** Claude asks for a tool, a person allows it with the command line, and Claude goes on. */
async function answersAQuestion(world: World): Promise<void> {
  await eventually(async () => (await world.call("GET", "/profiles/careful")).status === 200, {
    what: "the server knows the runner's profile",
  });
  const task = 'Go. [[scenario:run command="date > when.txt"]]';
  const { id } = await world.submit({ task, profile: "careful" });
  const job = await world.until(id, ({ questions = [] }) => (questions as Question[]).length > 0);
  const [question] = job["questions"] as Question[];
  const told = async (type: string) =>
    (await world.events(id)).filter((event) => event.type === type).map(({ data }) => data);
  expect(await told("question.asked")).toEqual([question]);
  const { question_id = "" } = question ?? {};
  expect((await world.cli(["answer", id.slice(0, 8), question_id.slice(0, 8), "allow"])).code).toBe(0);

  expect(await world.ended(id)).toMatchObject({ status: "succeeded", attempt: 1, output: "Ran it." });
  const by = expect.any(String);
  expect(await told("question.answered")).toEqual([{ question_id, decision: "allow", reason: "answered", by }]);
  expect(await told("tool.ended")).toMatchObject([{ is_error: false }]);
}

const endings = ({ home }: World): string[] => {
  const path = join(home, "box/data/spool/endings");
  return existsSync(path) ? readdirSync(path).filter((name) => name.endsWith(".json")) : [];
};

describe.concurrent("a runner that has the API's address and a key, and no database", () => {
  test("does a job, asks a person, and keeps no store of its own; killed, the next one on its box gives the job back at once", async () => {
    await using stage = await aStage();
    const { world } = stage;
    world.write("box/data/profiles/careful/profile.yml", careful);
    const first = await stage.start();
    await answersAQuestion(world);
    const done = await world.ended((await world.submit({ task: "Say hello. [[scenario:text]]" })).id);
    expect(done).toMatchObject({ status: "succeeded", pod_name: "box", attempt: 1 });
    expect(existsSync(join(world.home, "box/data/agenticore.db"))).toBe(false);
    const busy = await aBusyJob(world);
    await first.kill();
    const next = await stage.start();
    await world.until(busy.id, ({ attempt }) => attempt === 2, 30_000); // its lease lasts longer
    busy.release();

    const again = await world.ended(busy.id, 90_000);
    const { session_id } = busy.job;
    expect(again).toMatchObject({ status: "succeeded", attempt: 2, session_id, pod_name: "box" });
    expect(await next.end("SIGTERM")).toBe(0);
  });

  test("goes on while the API is down: a job that ends meanwhile is told when the API is back, and is not done again", async () => {
    await using stage = await aStage({ lease: 240 });
    const { world } = stage;
    const runner = await stage.start();
    const busy = await aBusyJob(world);
    await stage.api.kill();
    busy.release();
    await eventually(() => world.jobProcesses().length === 0, { what: () => `Claude ends; ${runner.stderr()}` });
    const asked = world.model.requests().length;
    await stage.serve();

    expect(await world.ended(busy.id)).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(world.model.requests()).toHaveLength(asked);
    await eventually(() => endings(world).length === 0, { what: "the end is confirmed" });
    const late = await world.submit({ task: "Say hello. [[scenario:text]]" });
    expect(await world.ended(late.id)).toMatchObject({ status: "succeeded", pod_name: "box" });
    expect(await runner.end("SIGTERM")).toBe(0);
  });

  test("whose key is revoked takes no more jobs, says what to do, and ends with 1", async () => {
    await using stage = await aStage();
    const { world } = stage;
    const runner = await stage.start();
    const { stdout } = await world.cli(["keys", "list", "--json"]);
    const [key] = (JSON.parse(stdout) as { keys: { id: string }[] }).keys;
    expect((await world.cli(["keys", "revoke", key?.id ?? ""])).code).toBe(0);
    const { id } = await world.submit({ task: "Say hello. [[scenario:text]]" });

    expect(await runner.gone).toBe(1);
    expect(runner.stderr()).toContain("was revoked");
    expect(runner.stderr()).toContain("agenticore keys create");
    expect(await world.job(id)).toMatchObject({ status: "queued", attempt: 0 });
    await expect(stage.start()).rejects.toThrow(/ended with 1: .*was revoked/s);
  });

  test("whose key is for other pools ends before it takes anything, and says for which", async () => {
    await using stage = await aStage({ key: ["--pool", "big"] });
    // It may be refused before it says that it is ready.
    const said = await stage.start().then(
      async (runner) => `${await runner.gone}: ${runner.stderr()}`,
      (error: unknown) => String(error),
    );
    expect(said).toMatch(/^(?:1|Error: runner ended with 1): /);
    expect(said).toContain("not for the pool default");
    const fitting = await stage.start({ AGENTICORE_POOLS: "big" });
    const { id } = await stage.world.submit({ task: "Say hello. [[scenario:text]]", pool: "big" });
    expect(await stage.world.ended(id)).toMatchObject({ status: "succeeded" });
    expect(await fitting.end("SIGTERM")).toBe(0);
  });
});
