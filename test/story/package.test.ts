import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const checkout = resolve(import.meta.dirname, "../..");

test("the packed package installs anywhere, carries no Node of its own, and works", () => {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-pack-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // A copy: packing puts `dist` beside the sources for a while.
  const copy = join(folder, "checkout");
  for (const file of globSync("{bin,cli,api,runner,shared,scripts,profiles}/**/*", {
    cwd: checkout,
    withFileTypes: true,
  })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name).slice(checkout.length);
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(checkout, path), join(copy, path));
  }
  for (const file of ["package.json", "tsconfig.json", "tsconfig.build.json"])
    cpSync(join(checkout, file), join(copy, file));
  symlinkSync(join(checkout, "node_modules"), join(copy, "node_modules"));
  const npm = (args: readonly string[], cwd: string) =>
    execFileSync("npm", [...args, "--silent", "--no-audit", "--no-fund", "--prefer-offline"], {
      cwd,
      encoding: "utf8",
    });

  const archive = npm(["pack"], copy).trim();
  expect(readFileSync(join(copy, "package.json"), "utf8")).toBe(readFileSync(join(checkout, "package.json"), "utf8"));
  npm(["install", "--global", "--prefix", folder, join(copy, archive)], folder);

  const installed = join(folder, "lib/node_modules/agenticore");
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(JSON.stringify([manifest.dependencies, manifest.optionalDependencies])).not.toContain("node-linux");
  for (const script of ["install", "postinstall", "prepare"]) expect(manifest.scripts).not.toHaveProperty(script);
  expect(globSync("**/*.{ts,map}", { cwd: installed, exclude: ["node_modules"] })).toEqual([]);
  // What is no JavaScript, and found at run time only.
  for (const file of ["dist/runner/process/warden.sh", "dist/runner/process/job-init.sh", "profiles/code/profile.yml"])
    expect(existsSync(join(installed, file)), file).toBe(true);

  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(folder, "bin/agenticore"), ...args], {
      env: { HOME: folder, PATH: "/usr/bin:/bin", AGENTICORE_URL: "http://127.0.0.1:9" },
      encoding: "utf8",
    });
  expect(run("version")).toMatchObject({ status: 0, stdout: `agenticore ${manifest.version}\n` });
  expect(run("--help")).toMatchObject({ status: 0, stderr: "" });
  expect(run("jobs")).toMatchObject({ status: 3, stdout: "" });
  expect(run("serve", "--host", "192.0.2.1")).toMatchObject({ status: 1, stderr: expect.stringContaining("loopback") });
});
