import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const checkout = resolve(import.meta.dirname, "../..");

/** A clone of a project like ours, with one dependency that comes from its own folder. */
function aClone(scripts: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-clone-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "scripts"));
  cpSync(join(checkout, "scripts/bootstrap.mjs"), join(folder, "scripts/bootstrap.mjs"));
  mkdirSync(join(folder, "part"));
  const write = (path: string, value: unknown) => writeFileSync(join(folder, path), JSON.stringify(value));
  write("part/package.json", { name: "part", version: "1.0.0" });
  writeFileSync(join(folder, "part/say.mjs"), "console.log(process.argv.slice(2).join());");
  write("package.json", { name: "clone", version: "1.0.0", scripts, dependencies: { part: "file:part" } });
  execFileSync("npm", ["install", "--package-lock-only", "--offline", "--silent"], { cwd: folder });
  // Only what a clean machine has.
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder };
  return {
    folder,
    run: (...args: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "scripts/bootstrap.mjs"), ...args], {
        cwd: tmpdir(),
        env,
        encoding: "utf8",
      });
      return { status, stdout, installed: stderr.includes("Installing") };
    },
  };
}

test("a fresh clone is installed before its script runs, and not again until it has to be", () => {
  const clone = aClone({ "try:inner": "node part/say.mjs" });

  expect(clone.run("try", "--real", "two words")).toEqual({ status: 0, stdout: "--real,two words\n", installed: true });
  expect(existsSync(join(clone.folder, "node_modules/part"))).toBe(true);
  expect(clone.run("try").installed).toBe(false);

  rmSync(join(clone.folder, "node_modules"), { recursive: true });
  expect(clone.run("try")).toMatchObject({ status: 0, installed: true });
});

test("the script's exit code is the answer, and a failed install starts nothing", () => {
  const clone = aClone({ "try:inner": "exit 7" });
  expect(clone.run("try")).toMatchObject({ status: 7 });
  expect(clone.run()).toMatchObject({ status: 2 });

  rmSync(join(clone.folder, "node_modules"), { recursive: true });
  writeFileSync(join(clone.folder, "package-lock.json"), "{}");
  expect(clone.run("try")).toMatchObject({ status: 1, installed: true, stdout: "" });
});
