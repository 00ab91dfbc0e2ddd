import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { installCommand, packageOf } from "../../cli/commands/update.ts";
import { placesOf } from "../../runner/places.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { aCli } from "../support/a-cli.ts";
import { aServedApi } from "../support/a-served-api.ts";
import { savedKey } from "../support/an-api-key.ts";

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-machine-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A PATH with the system's git and a `claude` that says this version. */
function aPath(claude: string | undefined): string {
  const folder = aFolder();
  if (claude !== undefined) {
    writeFileSync(join(folder, "claude"), `#!/bin/sh\necho "${claude} (Claude Code)"\n`);
    chmodSync(join(folder, "claude"), 0o755);
  }
  return `${folder}:/usr/local/bin:/usr/bin:/bin`;
}

type Found = Readonly<{ name: string; state: string; says: string; mend?: string }>;
async function examined(env: Record<string, string>, prepare: (home: string) => void = () => undefined) {
  const cli = aCli({ env: { AGENTICORE_URL: "http://127.0.0.1:9", ANTHROPIC_API_KEY: "sk-made-up", ...env } });
  prepare(cli.home);
  const { code, out } = await cli.run("doctor", "--json");
  const { checks, success } = JSON.parse(out) as { checks: readonly Found[]; success: boolean };
  const find = (name: string) => checks.find((check) => check.name === name);
  return { code, success, checks, find };
}

test("doctor finds nothing broken on a machine that can run jobs; a server that is not up yet is no fault", async () => {
  const { code, success, find } = await examined({ PATH: aPath("2.1.330") });

  expect({ code, success }).toEqual({ code: 0, success: true });
  expect(find("git")?.says).toMatch(/^git \d/);
  expect(find("claude")?.says).toContain("2.1.330");
  expect(find("login")).toMatchObject({ state: "ok", says: "API key, which jobs do not see" });
  expect(find("server")).toMatchObject({ state: "warn" });
  expect(find("bubblewrap")).toMatchObject({ state: "ok", says: expect.stringContaining("sandbox: bubblewrap") });
});

test("doctor ends with 1 where something is missing, and each of those says how to mend it", async () => {
  const { code, checks, find } = await examined({ PATH: aPath(undefined), ANTHROPIC_API_KEY: "" });

  expect(code).toBe(1);
  expect(find("claude")).toMatchObject({ state: "broken", mend: expect.stringContaining("AGENTICORE_CLAUDE_BINARY") });
  expect(find("login")).toMatchObject({ state: "broken", mend: expect.stringContaining("claude setup-token") });
  for (const { state, mend } of checks) expect(mend === undefined).toBe(state === "ok");
});

test("doctor warns of a Claude Code that is too old to survive a crash", async () => {
  expect((await examined({ PATH: aPath("2.1.196") })).find("claude")).toMatchObject({ state: "warn" });
  expect((await examined({ PATH: aPath("2.1.197") })).find("claude")).toMatchObject({ state: "ok" });
});

test("doctor sees a data folder that others may read, one that is a file, and a store that is damaged", async () => {
  const PATH = aPath("2.1.330");
  const open = await examined({ PATH }, (home) => {
    mkdirSync(join(home, ".agenticore"));
    chmodSync(join(home, ".agenticore"), 0o755);
  });
  expect(open.find("data folder")).toMatchObject({ state: "warn", mend: expect.stringContaining("chmod 700") });

  const file = await examined({ PATH }, (home) => writeFileSync(join(home, "agenticore-repos"), ""));
  expect(file.find("repositories")).toMatchObject({ state: "broken" });

  const damaged = await examined({ PATH }, (home) => {
    mkdirSync(join(home, ".agenticore"), { mode: 0o700 });
    writeFileSync(join(home, ".agenticore/agenticore.db"), "this is no database ".repeat(1000));
  });
  expect(damaged.find("store")).toMatchObject({ state: "broken" });
});

test("W-37: init-shared-fs makes private folders, again and again, and says where it cannot", async () => {
  const root = join(aFolder(), "shared");
  const cli = aCli({ env: { AGENTICORE_SHARED_FS_ROOT: root } });
  mkdirSync(join(root, "jobs"), { recursive: true, mode: 0o755 });

  for (const line of [["init-shared-fs"], ["init-shared-fs", "--shared-root", root]]) {
    const { code, out } = await cli.run(...line);
    expect(code).toBe(0);
    expect(out.trim().split("\n")).toEqual(
      ["repos", "worktrees", "jobs", "sessions", ".claude"].map((name) => join(root, name)),
    );
    for (const folder of out.trim().split("\n")) expect(statSync(folder).mode & 0o777).toBe(0o700);
  }
  expect(readdirSync(root).filter((name) => name.startsWith(".trial"))).toEqual([]);
  writeFileSync(join(root, "file"), "");
  const refused = await cli.run("init-shared-fs", "--shared-root", join(root, "file"));
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toContain("mounted");
});

test("W-37: every folder that init-shared-fs makes is one that runners with this root look into", async () => {
  const root = join(aFolder(), "shared");
  await aCli().run("init-shared-fs", "--shared-root", root);
  const env = { AGENTICORE_SHARED_FS_ROOT: root, AGENTICORE_WORKTREE_ROOT: join(root, "worktrees") };
  const { config } = await loadConfig(aCli({ env }).context);
  const used = [...Object.values(placesOf(config)), config.jobsDir, join(config.claudeHomeDir, ".claude")];
  const made = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(made.length).toBeGreaterThan(3);
  for (const { name } of made) expect(used).toContain(join(root, name));
});

test("init-shared-fs tells what holds on that file system", async () => {
  const root = join(aFolder(), "shared");
  const { code, out } = await aCli().run("init-shared-fs", "--shared-root", root, "--json");
  expect(code).toBe(0);
  const { checks, ...rest } = JSON.parse(out) as { checks: { name: string; ok: boolean }[] };
  expect(rest).toMatchObject({ success: true, root });
  expect(checks.map(({ name, ok }) => [name, ok])).toEqual(
    ["file system", "O_EXCL", "rename", "permissions", "flock"].map((name) => [name, true]),
  );
});

test("a shared folder that is at another path than before is refused, since git's files name each other", async () => {
  const [here, there] = [join(aFolder(), "shared"), join(aFolder(), "elsewhere")];
  expect(await aCli().run("init-shared-fs", "--shared-root", here)).toMatchObject({ code: 0 });
  renameSync(here, there);

  const { code, err } = await aCli().run("init-shared-fs", "--shared-root", there);
  expect(code).toBe(1);
  for (const path of [here, there]) expect(err).toContain(path);
  const { find } = await examined({ AGENTICORE_SHARED_FS_ROOT: there, REDIS_URL: "redis://127.0.0.1:9" });
  expect(find("shared folder")).toMatchObject({ state: "broken" });
});

test("doctor says that sharing needs a store that others reach, and where the shared folder is not there", async () => {
  const root = join(aFolder(), "shared");
  const missing = await examined({ AGENTICORE_SHARED_FS_ROOT: root });
  expect(missing.find("shared folder")).toMatchObject({ state: "broken" });
  await aCli().run("init-shared-fs", "--shared-root", root);
  const alone = await examined({ AGENTICORE_SHARED_FS_ROOT: root, AGENTICORE_URL: "" });
  expect(alone.find("shared folder")).toMatchObject({ state: "warn", mend: expect.stringContaining("REDIS_URL") });
});

test("doctor says whether a runner here would be let in through the API, and no fault where it would not", async () => {
  await using api = await aServedApi({ AGENTICORE_REQUIRE_KEYS: "true" });
  const [runner, person] = [await savedKey(api.store, { scopes: ["runner"] }), await savedKey(api.store)];
  const at = (key: string) => examined({ PATH: aPath("2.1.330"), AGENTICORE_URL: api.url, AGENTICORE_API_KEY: key });
  const [good, poor] = [await at(runner.key), await at(person.key)];

  expect(good.find("runner's store")).toMatchObject({
    state: "ok",
    says: expect.stringContaining(new URL(api.url).host),
  });
  expect(poor.find("runner's store")).toMatchObject({ state: "warn", mend: expect.stringContaining("--scope runner") });
  expect(poor.code).toBe(0);
});

test("update in a checkout says to pull, and installs nothing", async () => {
  const { code, out, err } = await aCli().run("update");

  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("git pull && npm ci");
});

test("update asks npm for what was named, where this program is installed", () => {
  expect(installCommand("/opt/node/lib/node_modules/agenticore/", packageOf("latest"))).toEqual([
    "npm",
    "install",
    "--global",
    "--prefix",
    "/opt/node",
    "agenticore@latest",
  ]);
  expect(["0.2.0", "next", "./agenticore-0.2.0.tgz", "other-package@1"].map(packageOf)).toEqual([
    "agenticore@0.2.0",
    "agenticore@next",
    "./agenticore-0.2.0.tgz",
    "other-package@1",
  ]);
});
