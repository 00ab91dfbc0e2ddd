import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { killProcessesWith, processesWith } from "../support/leftovers.ts";

const script = resolve(import.meta.dirname, "../../scripts/demo.ts");
type End = Readonly<{ code: unknown; stdout: string; stderr: string }>;

/** The demo in a temporary folder of its own, which is empty again when nothing is left behind. */
async function runDemo(...args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "ac-demo-"));
  const env = { PATH: process.env["PATH"], HOME: folder, TMPDIR: folder };
  const end = await new Promise<End>((done) =>
    execFile(process.execPath, [script, ...args], { env, encoding: "utf8" }, (error, stdout, stderr) =>
      done({ code: error ? error.code : 0, stdout, stderr }),
    ),
  );
  return {
    ...end,
    left: () => readdirSync(folder).filter((name) => name.startsWith("agenticore-demo")),
    processes: () => processesWith("TMPDIR", folder),
    [Symbol.dispose]: () => {
      killProcessesWith("TMPDIR", folder);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

test("the demo shows the events, the diff, the branch, cost and time, says that its model is scripted, and leaves nothing", async () => {
  using demo = await runDemo();
  expect(demo, demo.stderr).toMatchObject({ code: 0 });
  expect(demo.stdout).toContain("The model is SCRIPTED");
  expect(demo.stdout).toMatch(/claimed by .*Claude started.*→ Edit.*→ Bash.*succeeded/s);
  expect(demo.stdout).toMatch(/^\+ {2}word=Goodbye$/m);
  expect(demo.stdout).toMatch(/^branch: +agenticore-[0-9a-f]{8}, in the sample repository$/m);
  expect(demo.stdout).toMatch(/^your tree: untouched/m);
  expect(demo.stdout).toMatch(/^cost: +\$0\.\d+, 8 turns$/m);
  expect(demo.stdout).toMatch(/^time: +\d.* in all; Claude Code started after \d/m);
  expect(demo.left()).toEqual([]);
  expect(demo.processes()).toEqual([]);
});

test("the demo ends with 1 and the reason when its job fails", async () => {
  using demo = await runDemo("--task", "Fail. [[scenario:invalid]]");
  expect(demo.code).toBe(1);
  expect(demo.stdout).toMatch(/^result: +failed: .+$/m);
  expect(demo.stdout).toMatch(/^branch: +none$/m);
  expect(demo.left()).toEqual([]);
});
