import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openInstance } from "../../../runner/process/instance.ts";
import { processOf } from "../../../runner/process/process-id.ts";
import { recoverRunFiles } from "../../../runner/process/recover.ts";
import { type RunFile, readRunFiles, removeRunFile, writeRunFile } from "../../../runner/process/run-file.ts";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { JobId } from "../../../shared/job.ts";
import { aRunner } from "./a-runner.ts";
import { aPlace, aPlan, eventually, livingWith, output, type Place, standIn, tiers } from "./a-tree.ts";

/** This process, as a runner that was just started. */
const aMe = async (place: Place) => await openInstance(place.runs, `me/${crypto.randomUUID()}`);

/** A process that has ended, and its identity while it lived. */
async function aDeadProcess() {
  const child = spawn("sleep", ["100"]);
  const id = processOf(child.pid as number);
  child.kill("SIGKILL");
  await once(child, "exit");
  return { pid: id?.pid as number, start_time: id?.startTime as number };
}

async function aRunFile(place: Place, change: Partial<RunFile["runner"]> = {}): Promise<RunFile> {
  await using instance = await openInstance(place.runs, `gone/${crypto.randomUUID()}`);
  const job = JobId.parse(crypto.randomUUID());
  const file: RunFile = {
    job,
    fence: 3,
    runner: { ...instance.identity, ...(await aDeadProcess()), ...change },
    pid: null,
    start_time: null,
    run_dir: join(place.runs, job, "attempt-3"),
    worktree_path: null,
    session_id: null,
  };
  await writeRunFile(place.runs, file);
  return file;
}

describe.each(tiers)("in the %s tier", (_, sandbox) => {
  test("what a killed runner and its killed warden left is ended, and its run file taken over", async () => {
    using place = aPlace();
    const argv = [standIn("claude-daemon"), place.word, "-", "stay"] as const;
    const plan = aPlan(place, sandbox, { argv });
    const runner = await aRunner(plan, place);
    await eventually("the daemons", () => output(place).includes("result"));
    process.kill(-runner.pid, "SIGSTOP");
    process.kill(runner.warden, "SIGKILL");
    process.kill(-runner.pid, "SIGKILL");
    await once(runner.child, "exit");
    await using me = await aMe(place);
    const { ended, left, broken } = await recoverRunFiles(place.runs, me.identity, clock);
    expect({ left, broken }).toEqual({ left: [], broken: [] });
    expect(ended.map(({ file, exit }) => [file.job, file.fence, exit])).toEqual([[plan.job, 1, undefined]]);
    expect(livingWith(place.word)).toEqual([]);
    await removeRunFile(place.runs, plan);
    expect((await readRunFiles(place.runs)).files).toEqual([]);
  });

  test("how a command ended while its runner was dying is known to the next", async () => {
    using place = aPlace();
    const plan = aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", "echo up; sleep 0.3; exit 7"] });
    const runner = await aRunner(plan, place);
    process.kill(runner.pid, "SIGSTOP");
    await eventually("the exit file", () => existsSync(join(place.runDir, "exit.json")));
    process.kill(runner.pid, "SIGKILL");
    await once(runner.child, "exit");
    await using me = await aMe(place);
    const { ended } = await recoverRunFiles(place.runs, me.identity, clock);
    expect(ended.map(({ exit }) => exit)).toEqual([{ job: plan.job, fence: 1, reason: "exited", code: 7 }]);
  });
});

test("the jobs of a runner that lives are left alone, its own and those of others", async () => {
  using place = aPlace();
  const [, sandbox] = tiers[0] as (typeof tiers)[number];
  const runner = await aRunner(aPlan(place, sandbox, { argv: [standIn("claude-forever"), place.word] }), place);
  await eventually("the child", () => livingWith(`9${place.word}`).length > 0);
  await using me = await aMe(place);
  const gone = await aRunFile(place);
  const { ended, left } = await recoverRunFiles(place.runs, me.identity, clock);
  expect(ended.map(({ file }) => file.job)).toEqual([gone.job]);
  expect(left).toEqual([]);
  expect(livingWith(`9${place.word}`).length).toBeGreaterThan(0);
  // Taken over, they are its own now.
  expect((await recoverRunFiles(place.runs, me.identity, clock)).ended).toEqual([]);
  runner.killGroup();
  await eventually("the end of all", () => livingWith(place.word).length === 0);
});

test("two runners that start at once never take over the same attempt", async () => {
  using place = aPlace();
  const files = await Promise.all([1, 2, 3, 4, 5].map(() => aRunFile(place)));
  await using one = await aMe(place);
  await using two = await aMe(place);
  const found = await Promise.all([one, two].map(({ identity }) => recoverRunFiles(place.runs, identity, clock)));
  const jobs = found.flatMap(({ ended }) => ended.map(({ file }) => file.job));
  expect(jobs.toSorted()).toEqual(files.map(({ job }) => job).toSorted());
});

test("a process id that is in use again belongs to neither runner nor warden", async () => {
  using place = aPlace();
  const bystander = spawn("sleep", ["100"]);
  const pid = bystander.pid as number;
  const file = await aRunFile(place, { pid, start_time: 1 });
  await writeRunFile(place.runs, { ...file, pid, start_time: 1 });
  mkdirSync(file.run_dir, { recursive: true });
  const state = { job: file.job, fence: 3, boot_id: file.runner.boot_id, pid, start_time: 1 };
  writeFileSync(join(file.run_dir, "warden.json"), JSON.stringify({ ...state, init_pid: pid, init_start_time: 1 }));
  await using me = await aMe(place);
  const { ended } = await recoverRunFiles(place.runs, me.identity, clock);
  expect(ended.map(({ file: { job } }) => job)).toEqual([file.job]);
  expect(bystander.exitCode ?? bystander.signalCode).toBe(null);
  bystander.kill("SIGKILL");
  await once(bystander, "exit");
});

test("a runner of an earlier boot of this machine is dead, one of another machine is not known", async () => {
  using place = aPlace();
  await using me = await aMe(place);
  const earlier = await aRunFile(place, { boot_id: "an-earlier-boot", pid: process.pid });
  const elsewhere = await aRunFile(place, { boot_id: "another-boot", host: "another/machine" });
  const { ended, left } = await recoverRunFiles(place.runs, me.identity, clock);
  expect(ended.map(({ file }) => file.job)).toEqual([earlier.job]);
  expect(left.map(({ file }) => file.job)).toEqual([elsewhere.job]);
});

test("a runner in another container is dead when its socket refuses, alive when it answers, else not known", async () => {
  using place = aPlace();
  await using me = await aMe(place);
  await using other = await aMe(place);
  const pid_namespace = "pid:[1]";
  const alive = await aRunFile(place, { instance: other.identity.instance, pid_namespace });
  const unseen = await aRunFile(place, { instance: "never/there", pid_namespace });
  const killed = await aRunner(
    aPlan(place, (tiers[1] as (typeof tiers)[number])[1], { argv: ["/bin/sleep", "100"] }),
    place,
  );
  killed.killGroup(); // its socket stays behind and refuses
  await once(killed.child, "exit");
  const dead = await aRunFile(place, { instance: killed.identity.instance, pid_namespace });
  const { ended, left } = await recoverRunFiles(place.runs, me.identity, clock);
  const jobs = ended.map(({ file }) => file.job);
  expect(jobs).toContain(dead.job);
  expect(jobs).not.toContain(alive.job);
  expect(left.map(({ file }) => file.job)).toEqual([unseen.job]);
});

test("a warden that is late finds its attempt closed and starts nothing", async () => {
  using place = aPlace();
  const file = await aRunFile(place);
  mkdirSync(file.run_dir, { recursive: true });
  await using me = await aMe(place);
  await recoverRunFiles(place.runs, me.identity, clock);
  const [, sandbox] = tiers[0] as (typeof tiers)[number];
  const plan = aPlan(place, sandbox, { argv: ["/bin/echo", "late"], runDir: file.run_dir });
  const { startTree } = await import("../../../runner/process/spawn-warden.ts");
  expect(await startTree(plan, { clock }).exited).toMatchObject({ reason: "warden_lost" });
  expect(readFileSync(join(file.run_dir, "out"), "utf8")).toBe("");
});

test("run files that are none break nothing and are told", async () => {
  using place = aPlace();
  const good = await aRunFile(place);
  const put = (name: string, text: string) => writeFileSync(join(place.runs, name), text);
  const id = crypto.randomUUID();
  put(`${id}.1.json`, '{"job":');
  put(`${id}.2.json`, JSON.stringify({ ...good, job: id, fence: 9 }));
  put(`${id}.3.json`, JSON.stringify({ ...good, job: id, fence: 3, run_dir: "/etc" }));
  put(`${id}.4.json`, "x".repeat(100_000));
  mkdirSync(join(place.runs, `${id}.5.json`));
  put("notes.txt", "not a run file");
  await using me = await aMe(place);
  const { ended, broken } = await recoverRunFiles(place.runs, me.identity, clock);
  expect(ended.map(({ file }) => file.job)).toEqual([good.job]);
  expect(broken.toSorted()).toEqual([1, 2, 3, 4, 5].map((fence) => `${id}.${fence}.json`));
});
