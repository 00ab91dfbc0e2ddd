import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";

const checkout = resolve(import.meta.dirname, "../..");
/** No child outlives it; that npm's registry is slow must not hold up all other tests for ever. */
const deadlineMs = 240_000;

type Ran = Readonly<{ status: number | undefined; stdout: string; stderr: string }>;

/** A program to its end, and what it printed to the letter. @throws Error when it is not over within the deadline. */
async function run(
  program: string,
  args: readonly string[],
  options: Readonly<{ cwd?: string; env?: Record<string, string>; extendEnv?: boolean }>,
): Promise<Ran> {
  const ended = await execa(program, args, {
    ...{ ...options, reject: false, stripFinalNewline: false, stdin: "ignore" },
    ...{ timeout: deadlineMs, forceKillAfterDelay: 2_000 },
  });
  if (ended.timedOut) throw new Error(`${program} ${args.join(" ")} was not over within ${deadlineMs} ms`);
  return { status: ended.exitCode, stdout: ended.stdout, stderr: ended.stderr };
}

test("the packed package installs anywhere, carries no Node of its own, and works", {
  timeout: 2 * deadlineMs,
}, async () => {
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
  for (const file of ["package.json", "tsconfig.json", "tsconfig.build.json", "tsconfig.client.json"])
    cpSync(join(checkout, file), join(copy, file));
  symlinkSync(join(checkout, "node_modules"), join(copy, "node_modules"));
  const npm = async (args: readonly string[], cwd: string) => {
    const ended = await run("npm", [...args, "--silent", "--no-audit", "--no-fund", "--prefer-offline"], { cwd });
    expect(ended.status, ended.stderr).toBe(0);
    return ended.stdout;
  };

  const archive = (await npm(["pack"], copy)).trim();
  expect(readFileSync(join(copy, "package.json"), "utf8")).toBe(readFileSync(join(checkout, "package.json"), "utf8"));
  await npm(["install", "--global", "--prefix", folder, join(copy, archive)], folder);

  const installed = join(folder, "lib/node_modules/agenticore");
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(JSON.stringify([manifest.dependencies, manifest.optionalDependencies])).not.toContain("node-linux");
  for (const script of ["install", "postinstall", "prepare"]) expect(manifest.scripts).not.toHaveProperty(script);
  const sources = globSync("**/*.{ts,map}", { cwd: installed, exclude: ["node_modules"] });
  expect(sources.filter((file) => !/^dist\/shared\/.*\.d\.ts$/.test(file))).toEqual([]);
  // What is no JavaScript, and found at run time only.
  for (const file of ["dist/runner/process/warden.sh", "dist/runner/process/job-init.sh", "profiles/code/profile.yml"])
    expect(existsSync(join(installed, file)), file).toBe(true);

  const env = { HOME: folder, PATH: "/usr/bin:/bin", AGENTICORE_URL: "http://127.0.0.1:9" };
  const cli = (...args: readonly string[]) =>
    run(process.execPath, [join(folder, "bin/agenticore"), ...args], { env, extendEnv: false });
  expect(await cli("version")).toMatchObject({ status: 0, stdout: `agenticore ${manifest.version}\n` });
  expect(await cli("--help")).toMatchObject({ status: 0, stderr: "" });
  expect(await cli("jobs")).toMatchObject({ status: 3, stdout: "" });
  await useClient(folder, installed);
  const refused = await cli("serve", "--host", "192.0.2.1");
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("loopback") });
});

/** As a project that has the package among its dependencies: the import works, and so do its types. */
async function useClient(folder: string, installed: string): Promise<void> {
  const project = join(folder, "project");
  mkdirSync(join(project, "node_modules"), { recursive: true });
  symlinkSync(installed, join(project, "node_modules/agenticore"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  const source = `import { AppError, apiClient, type Job } from "agenticore/client";
const client = apiClient({ url: "http://127.0.0.1:9", apiKey: "key", fetch });
const failing: Promise<Job> = client.job("x");
// @ts-expect-error no such status
void client.jobs({ status: "done" }).catch(() => undefined);
failing.catch((error: unknown) => console.log(error instanceof AppError && error.code));
`;
  writeFileSync(join(project, "main.ts"), source);
  const options = ["--strict", "--noEmit", "--target", "es2024", "--module", "nodenext", "--types", ""];
  const tsc = join(checkout, "node_modules/typescript/bin/tsc");
  const checked = await run(process.execPath, [tsc, ...options, "main.ts"], { cwd: project });
  expect(checked.stdout).toBe("");
  const ran = await run(process.execPath, ["main.ts"], { cwd: project });
  expect(ran).toMatchObject({ status: 0, stdout: "store_unavailable\n" });
}
