import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../support/eventually.ts";

const checkout = resolve(import.meta.dirname, "../..");
const module = join(checkout, "bin/relaunch.js");

/** `relaunch` as an old Node would call it, on a script that says its process id and takes signals. */
function launched(script: string, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-launch-"));
  const file = join(folder, "script.mjs");
  writeFileSync(
    file,
    `import { endWithLauncher } from ${JSON.stringify(module)};\nendWithLauncher(process.env);\n${script}`,
  );
  const launcher = join(folder, "launcher.mjs");
  writeFileSync(
    launcher,
    `import { relaunch } from ${JSON.stringify(module)};\nrelaunch(${JSON.stringify({ root: checkout, script: file, oldestNode: 24 })});`,
  );
  const child: ChildProcess = spawn(process.execPath, [launcher, "one", "--two"], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk));
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk));
  const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  onTestFinished(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, ended, out: () => out, err: () => err };
}

const forever = "console.log(process.pid); setInterval(() => undefined, 1000);";
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("an old Node hands over arguments, output and exit code", async () => {
  const run = launched("console.log(process.argv.slice(2).join('|')); process.exitCode = 3;");

  expect(await run.ended).toBe(3);
  expect(run.out()).toBe("one|--two\n");
});

test("an old Node passes signals on, and ends as the program ends", async () => {
  const run = launched(`process.on("SIGTERM", () => { console.log("drained"); process.exit(7); });${forever}`);
  await eventually(() => /^\d+\n/.test(run.out()), { what: "the program runs" });
  run.child.kill("SIGTERM");

  expect(await run.ended).toBe(7);
  expect(run.out()).toContain("drained");
});

test("kill -9 of the old Node leaves no server behind", async () => {
  const run = launched(forever);
  const pid = await eventually(() => Number(/^(\d+)\n/.exec(run.out())?.[1]) || undefined, {
    what: "the program runs",
  });
  run.child.kill("SIGKILL");

  await eventually(() => !isAlive(pid), { deadlineMs: 5_000, what: "the program is gone too" });
});

test("a Node that is too old even after the hand-over gets a sentence, not a loop", async () => {
  const run = launched(forever, { AGENTICORE_LAUNCHER_PIPE: "3" });

  expect(await run.ended).toBe(1);
  expect(run.err()).toMatch(/needs Node 24 or newer.*npm ci/s);
});
