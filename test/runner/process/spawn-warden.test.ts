import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { systemClock as clock } from "../../../shared/clock.node.ts";
import { aPlace, aPlan, eventually, livingWith, output, soon, standIn, start, tiers } from "./a-tree.ts";

describe.each(tiers)("in the %s tier", (tier, sandbox) => {
  test("the command gets its input, arguments, folder and exactly its environment", async () => {
    using place = aPlace();
    const script = 'read -r line; printf "%s|%s|%s|" "$line" "$1" "$PWD"; exec /usr/bin/env -0';
    const env = { PATH: "/usr/bin:/bin", ODD: " a'b\n\"c\\ é", EMPTY: "" };
    const plan = aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", script, "x", "an 'odd'\nargument"], env });
    const tree = start(plan);
    expect(await tree.write("hello\n")).toBe(true);
    expect(await tree.exited).toEqual({ reason: "exited", code: 0, signal: null, message: "" });
    const [line, argument, cwd, rest] = output(place).split("|") as [string, string, string, string];
    expect([line, argument, cwd]).toEqual(["hello", "an 'odd'\nargument", place.cwd]);
    const seen = Object.fromEntries(
      rest
        .split("\0")
        .filter(Boolean)
        .map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
    );
    const { SHLVL: _, PWD: __, _: ___, OLDPWD: ____, ...given } = seen;
    expect(given).toEqual({ ...env, AGENTICORE_JOB_ID: plan.job, AGENTICORE_FENCE: "1" });
  });

  test("W-18: an exit code reaches the runner and a file that outlives it", async () => {
    using place = aPlace();
    const plan = aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", "exit 7"] });
    const tree = start(plan);
    expect(await tree.exited).toMatchObject({ reason: "exited", code: 7 });
    const left = JSON.parse(readFileSync(join(place.runDir, "exit.json"), "utf8"));
    expect(left).toEqual({ job: plan.job, fence: 1, reason: "exited", code: 7 });
    expect(await tree.survivors()).toEqual([]);
  });

  test("input goes on while the command works, and its end is told", async () => {
    using place = aPlace();
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-speaks")] }));
    await tree.write('"one"\n');
    await eventually("the answer", () => output(place).includes('"line":"one"'));
    await tree.write('"two"\n');
    await eventually("the answer", () => output(place).includes('"line":"two"'));
    tree.closeInput();
    expect(await tree.exited).toMatchObject({ reason: "exited", code: 0 });
    expect(await tree.write("late\n")).toBe(false);
  });

  test("an interrupt reaches the command as SIGINT, which goes on", async () => {
    using place = aPlace();
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-speaks")] }));
    await eventually("the first line", () => output(place).includes("init"));
    tree.interrupt();
    await tree.write('"wake"\n'); // the stand-in, a shell, handles the signal after its read
    await eventually("the interrupt", () => output(place).includes("interrupted"));
    tree.closeInput();
    expect(await tree.exited).toMatchObject({ reason: "exited", code: 0 });
  });

  test("terminate lets the command end by itself", async () => {
    using place = aPlace();
    const script = 'trap "echo bye; exit 143" TERM; echo up; sleep 100 & wait';
    const tree = start(aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", script] }));
    await eventually("the start", () => output(place).includes("up"));
    tree.terminate(5_000);
    expect(await tree.exited).toEqual({ reason: "terminated", code: 143, signal: "SIGTERM", message: "" });
    expect(output(place)).toContain("bye");
  });

  test("terminate ends in SIGKILL of the whole tree when SIGTERM is ignored", async () => {
    using place = aPlace();
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-ignores-term"), place.word] }));
    await eventually("the child", () => livingWith(`9${place.word}`).length > 0);
    const asked = clock.uptime();
    tree.terminate(300);
    expect(await tree.exited).toMatchObject({ reason: "terminated", code: null, signal: "SIGKILL" });
    expect(clock.uptime() - asked).toBeLessThan(2_000);
    expect(livingWith(place.word)).toEqual([]);
  });

  test("daemons die with the tree when it is killed", async () => {
    using place = aPlace();
    const bare = tier === "namespace" ? "bare" : "-";
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-daemon"), place.word, bare, "stay"] }));
    await eventually("the daemons", () => output(place).includes("result"));
    tree.kill();
    expect(await tree.exited).toMatchObject({ reason: "killed", code: null });
    expect(livingWith(place.word)).toEqual([]);
    expect(await tree.survivors()).toEqual([]);
  });

  test("daemons die when the command ends by itself", async () => {
    using place = aPlace();
    const bare = tier === "namespace" ? "bare" : "-";
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-daemon"), place.word, bare] }));
    expect(await tree.exited).toMatchObject({ reason: "exited", code: 0 });
    expect(output(place)).toContain("result");
    expect(livingWith(place.word)).toEqual([]);
  });

  test("SIGTERM is due at the soft deadline, SIGKILL at the hard one", async () => {
    using place = aPlace();
    const script = `trap 'echo termed' TERM; echo up; while :; do sleep 9${place.word} & wait; done`;
    const tree = start(aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", script] }));
    await eventually("the start", () => output(place).includes("up"));
    const until = soon(300, 1_500);
    tree.grant(until);
    expect(await tree.exited).toMatchObject({ reason: "expired", code: null });
    expect(output(place)).toBe("up\ntermed\n");
    // The warden reads the time since boot for itself, in hundredths of a second.
    expect(clock.uptime()).toBeGreaterThan(until.hardAt - 10);
    expect(clock.uptime() - until.hardAt).toBeLessThan(3_000);
    expect(livingWith(place.word)).toEqual([]);
  });

  test("the last grant counts: the command lives on beyond the one before", async () => {
    using place = aPlace();
    const tree = start(aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", "read -r; exit 0"] }));
    expect(await tree.started).toBe(true);
    tree.grant(soon(800));
    tree.grant(soon(15_000));
    await clock.sleep(1_200); // past the first: what is waited for is that nothing happens
    await tree.write("\n");
    expect(await tree.exited).toMatchObject({ reason: "exited", code: 0 });
  });

  test("kill -9 of the warden leaves nothing", async () => {
    using place = aPlace();
    const bare = tier === "namespace" ? "bare" : "-";
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-daemon"), place.word, bare, "stay"] }));
    await eventually("the daemons", () => output(place).includes("result"));
    process.kill(tree.id.pid, "SIGKILL");
    expect(await tree.exited).toMatchObject({ reason: "warden_lost", code: null });
    expect(livingWith(place.word)).toEqual([]);
    expect(await tree.survivors()).toEqual([]);
  });

  test("a warden that was stopped cannot keep the tree from being killed", async () => {
    using place = aPlace();
    const tree = start(aPlan(place, sandbox, { argv: [standIn("claude-forever"), place.word] }));
    await eventually("the child", () => livingWith(`9${place.word}`).length > 0);
    process.kill(-tree.id.pid, "SIGSTOP");
    tree.terminate(200);
    expect(await tree.exited).toMatchObject({ reason: "terminated", code: null });
    expect(livingWith(place.word)).toEqual([]);
  });

  test("a command that is not there is a failure with its name", async () => {
    using place = aPlace();
    const tree = start(aPlan(place, sandbox, { argv: ["/nowhere/claude"] }));
    expect(await tree.started).toBe(false);
    expect(await tree.exited).toEqual({
      reason: "failed",
      code: null,
      signal: "SIGKILL",
      message: "/nowhere/claude is not an executable file",
    });
  });
});

describe("in the namespace tier", () => {
  const [, sandbox] = tiers[0] as (typeof tiers)[number];

  test("the job sees its own processes, its own /tmp and of the data folder only what is its own", async () => {
    using place = aPlace();
    writeFileSync(join(place.data, "secret"), "do not look");
    writeFileSync(join(place.cwd, "mine"), "mine");
    writeFileSync(join(place.tmp, "note"), "note");
    const script =
      `ls ${place.data}; cat mine /tmp/note ${place.tmp}/note; set -- /proc/[0-9]*; echo $#; echo new >> made; ` +
      `touch ${place.data}/x || umount ${place.data} || mount -t tmpfs none /mnt || echo kept`;
    const tree = start(aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", script] }));
    await tree.exited;
    expect(output(place).trim().split("\n")).toEqual(["tmp", "worktree", "minenotenote2", "kept"]);
    expect(readFileSync(join(place.cwd, "made"), "utf8")).toBe("new\n");
    expect(readdirSync(place.data).sort()).toEqual(["runs", "secret", "tmp", "worktree"]);
  });

  test("zombies of orphans are reaped", async () => {
    using place = aPlace();
    const script =
      "for i in 1 2 3 4 5; do (sleep 0.01 &); done; " +
      "for i in {1..100}; do sleep 0.05; (($(grep -ls 'sleep' /proc/[0-9]*/stat | wc -l))) || exit 3; done; exit 4";
    const tree = start(aPlan(place, sandbox, { argv: ["/bin/bash", "--norc", "-c", script] }));
    expect(await tree.exited).toMatchObject({ code: 3 });
  });
});
