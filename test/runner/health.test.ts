import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { watchHealth } from "../../runner/health.ts";
import { askRunners, openInstance } from "../../runner/process/instance.ts";
import { AppError } from "../../shared/error.ts";
import { aCli } from "../support/a-cli.ts";
import { aRunner } from "../support/a-job.ts";
import { scratch } from "../support/sample-repo.ts";
import { sqliteWorld } from "../support/sqlite-world.ts";

const facts = { name: "box", version: "1.0.0", capacity: 2, running: 0, draining: false, diskLow: false };
const request = { claimId: "c", runner: "box/1", pod_name: "box", pools: ["default"], leaseMs: 60_000 };

test("a runner is well while it asks for work and is answered, and says what is wrong when not", async () => {
  await using world = await sqliteWorld();
  let down = false;
  const shaky = {
    ...world.store,
    claim: (asked: typeof request) =>
      down ? Promise.reject(new AppError("store_unavailable", "no route to it")) : world.store.claim(asked),
  };
  const { store, tell } = watchHealth(shaky, world.clock, { idlePollMs: 60_000 });
  await store.claim(request);
  world.clock.advance(150_000);
  expect(tell(facts).problems).toEqual([]);

  down = true;
  await expect(store.claim(request)).rejects.toThrow("no route");
  expect(tell(facts).problems).toEqual(["The store does not answer since 150 s: no route to it"]);
  down = false;
  await store.claim(request);
  expect(tell(facts).problems).toEqual([]);

  world.clock.advance(181_000);
  expect(tell(facts).problems).toEqual(["It has not asked for work since 181 s."]);
  for (const busy of [{ running: 2 }, { draining: true }]) expect(tell({ ...facts, ...busy }).problems).toEqual([]);
  expect(tell({ ...facts, diskLow: true }).problems).toEqual(["The disk is nearly full: no job is taken."]);
});

test("an announcement that is answered counts too", async () => {
  await using world = await sqliteWorld();
  const broken = { ...world.store, claim: () => Promise.reject(new Error("away")) };
  const { store, tell } = watchHealth(broken, world.clock, { idlePollMs: 60_000 });
  await expect(store.claim(request)).rejects.toThrow("away");
  await store.announce(aRunner());
  expect(tell(facts).problems).toEqual([]);
});

test("runners of a data folder are asked one by one; a dead one is none, and one that hangs is told of", async () => {
  using folder = scratch();
  const runs = join(folder.path, "runs");
  expect(await askRunners(runs, 1000)).toEqual([]);
  await using _well = await openInstance(runs, "box/1", () => ({ ...facts, problems: [] }));
  const script = `
    import { openInstance } from ${JSON.stringify(join(import.meta.dirname, "../../runner/process/instance.ts"))};
    await openInstance(${JSON.stringify(runs)}, "box/2");
    setInterval(() => undefined, 1000);
    console.log("up");`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  const well = { instance: "box/1", ...facts, problems: [] };
  expect(await askRunners(runs, 5000)).toEqual(expect.arrayContaining([well, { instance: "box/2" }]));

  other.kill("SIGSTOP");
  expect(await askRunners(runs, 300)).toEqual(expect.arrayContaining([well, undefined]));
  other.kill("SIGKILL");
  await once(other, "exit");
  expect(await askRunners(runs, 5000)).toEqual([well]);
});

test("`agenticore runner health` is 0 for a runner that is well and 1 otherwise; --live asks for less", async () => {
  const cli = aCli();
  const none = await cli.run("runner", "health");
  expect(none).toMatchObject({ code: 1, out: "" });
  expect(none.err).toContain("No runner lives");

  let problems: string[] = [];
  const runs = join(cli.home, ".agenticore/runs");
  await using _instance = await openInstance(runs, "box/1", () => ({ ...facts, problems }));
  expect(await cli.run("runner", "health")).toMatchObject({ code: 0, out: "box: agenticore 1.0.0, 0 jobs of 2\n" });
  problems = ["The store does not answer since 40 s: away"];
  const ill = await cli.run("runner", "health", "--json");
  expect(ill.code).toBe(1);
  expect(JSON.parse(ill.out)).toMatchObject({ success: false, problems, runners: [{ instance: "box/1", problems }] });
  expect(await cli.run("runner", "health", "--live")).toMatchObject({ code: 0 });
});
