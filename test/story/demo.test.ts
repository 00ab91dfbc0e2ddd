import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { processesUnder } from "../support/leftovers.ts";

const script = resolve(import.meta.dirname, "../../scripts/demo.ts");
type End = Readonly<{ code: unknown; stdout: string; stderr: string }>;

/** The demo in a temporary folder of its own, which is empty again when nothing is left behind. */
function startDemo(...args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "ac-demo-"));
  const env = { PATH: process.env["PATH"], HOME: folder, TMPDIR: folder };
  const child = spawn(process.execPath, [script, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data));
  child.stderr.on("data", (data: Buffer) => (stderr += data));
  const ended = once(child, "close").then(([code]): End => ({ code, stdout, stderr }));
  return {
    child,
    stdout: () => stdout,
    ended,
    left: () => readdirSync(folder),
    /** The server has a home below the folder; so does all that it starts. */
    processes: () => processesUnder("HOME", folder),
    [Symbol.dispose]: () => {
      child.kill("SIGKILL");
      for (const pid of processesUnder("HOME", folder)) process.kill(pid, "SIGKILL");
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

test("the demo shows the events, the diff, the branch, cost and time, says that its model is scripted, and leaves nothing", async () => {
  using demo = startDemo();
  const { code, stdout, stderr } = await demo.ended;
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("The model is SCRIPTED");
  expect(stdout).toMatch(/claimed by .*Claude started.*→ Edit.*→ Bash.*succeeded/s);
  expect(stdout).toMatch(/^\+ {2}word=Goodbye$/m);
  expect(stdout).toMatch(/^branch: +agenticore-[0-9a-f]{8}, in the sample repository$/m);
  expect(stdout).toMatch(/^your tree: untouched/m);
  expect(stdout).toMatch(/^cost: +\$0\.\d+, 8 turns$/m);
  expect(stdout).toMatch(/^time: +\d.* in all; Claude Code started after \d/m);
  expect(demo.left()).toEqual([]);
  expect(demo.processes()).toEqual([]);
});

test("the demo ends with 1 and the reason when its job fails", async () => {
  using demo = startDemo("--task", "Fail. [[scenario:invalid]]");
  const { code, stdout } = await demo.ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/^result: +failed: .+$/m);
  expect(stdout).toMatch(/^branch: +none$/m);
  expect(demo.left()).toEqual([]);
});

test.each(["SIGINT", "SIGKILL"] as const)(
  "%s of the demo while Claude works ends all that it started",
  async (signal) => {
    using demo = startDemo("--task", "Work for long. [[scenario:slow]]");
    await eventually(() => demo.stdout().includes("→ Bash"), { what: "Claude works" });
    expect(demo.processes().length).toBeGreaterThan(1);
    demo.child.kill(signal);
    const { code } = await demo.ended;
    await eventually(() => demo.processes().length === 0, { deadlineMs: 15_000, what: "no process is left" });
    // Nobody can tidy up after a SIGKILL of himself.
    if (signal === "SIGINT") expect([code, demo.left()]).toEqual([130, []]);
  },
);
