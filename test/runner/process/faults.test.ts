import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { processOf } from "../../../runner/process/process-id.ts";
import { aRunner } from "./a-runner.ts";
import { aPlace, aPlan, eventually, livingWith, output, standIn, tiers } from "./a-tree.ts";

describe.each(tiers)("in the %s tier", (tier, sandbox) => {
  const daemons = (word: string) =>
    [standIn("claude-daemon"), word, tier === "namespace" ? "bare" : "-", "stay"] as const;

  test("kill -9 of the runner's process group leaves nothing, without anybody's help", async () => {
    using place = aPlace();
    const plan = aPlan(place, sandbox, { argv: daemons(place.word) });
    const runner = await aRunner(plan, place);
    await eventually("the daemons", () => output(place).includes("result"));
    runner.killGroup();
    await eventually("the end of all", () => livingWith(place.word).length === 0, 6_000);
    await eventually("the warden's end", () => !processOf(runner.warden), 6_000);
    const end = JSON.parse(readFileSync(join(place.runDir, "exit.json"), "utf8"));
    expect(end).toEqual({ job: plan.job, fence: 1, reason: "lifeline", code: null });
  });

  test("a runner that is stopped past its grant has no tree any more when it goes on", async () => {
    using place = aPlace();
    const plan = aPlan(place, sandbox, { argv: daemons(place.word) });
    const runner = await aRunner(plan, { ...place, grantMs: 3_000 });
    await eventually("the daemons", () => output(place).includes("result"));
    process.kill(runner.pid, "SIGSTOP");
    await eventually("the end of all", () => livingWith(place.word).length === 0, 8_000);
    await eventually("the exit file", () => existsSync(join(place.runDir, "exit.json")), 6_000);
    process.kill(runner.pid, "SIGCONT");
    // Of SIGTERM or of SIGKILL: both are due at once here.
    expect(await runner.end).toMatchObject({ reason: "expired" });
    await once(runner.child, "exit");
  });

  test("kill -9 of the runner alone, as by the kernel when memory is short, ends the tree", async () => {
    using place = aPlace();
    const runner = await aRunner(aPlan(place, sandbox, { argv: [standIn("claude-ignores-term"), place.word] }), place);
    await eventually("the child", () => livingWith(`9${place.word}`).length > 0);
    process.kill(runner.pid, "SIGKILL");
    await eventually("the end of all", () => livingWith(place.word).length === 0, 6_000);
  });
});

describe("in the namespace tier", () => {
  const [, sandbox] = tiers[0] as (typeof tiers)[number];

  test("kill -9 of runner and warden at once leaves nothing", async () => {
    using place = aPlace();
    const plan = aPlan(place, sandbox, { argv: [standIn("claude-daemon"), place.word, "bare", "stay"] });
    const runner = await aRunner(plan, place);
    await eventually("the daemons", () => output(place).includes("result"));
    process.kill(-runner.pid, "SIGSTOP"); // so that neither can do anything about the other's end
    process.kill(runner.warden, "SIGSTOP");
    process.kill(runner.warden, "SIGKILL");
    process.kill(-runner.pid, "SIGKILL");
    await eventually("the end of all", () => livingWith(place.word).length === 0, 6_000);
  });

  test("the job cannot reach its init: not its descriptors, memory or environment", async () => {
    using place = aPlace();
    const script =
      'for f in /proc/1/fd/1 /proc/1/mem /proc/1/environ; do cat "$f" && exit 9; done 2>/dev/null; ls /proc/self/fd; exit 0';
    const plan = aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", script] });
    const runner = await aRunner(plan, place);
    expect(await runner.end).toMatchObject({ reason: "exited", code: 0 });
    // The fourth is that of `ls` for the folder which it reads.
    expect(output(place).trim().split("\n")).toEqual(["0", "1", "2", "3"]);
    await once(runner.child, "exit");
  });
});
