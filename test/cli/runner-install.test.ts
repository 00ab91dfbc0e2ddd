import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { environmentText } from "../../cli/systemd/environment-file.ts";
import { isOurs, unitText } from "../../cli/systemd/unit.ts";
import { aCli } from "../support/a-cli.ts";
import { scratch } from "../support/sample-repo.ts";

const isRoot = process.getuid?.() === 0;
/** As root the machine's unit, for others their own; `kind` makes it a user's own for root too. */
const kinds = [
  { kind: [], unit: isRoot ? "etc/systemd/system" : "systemd/user" },
  { kind: ["--user"], unit: "systemd/user" },
];

function aMachine(env: Record<string, string> = {}) {
  const folder = scratch();
  const cli = aCli({ env: { PATH: process.env["PATH"] ?? "", XDG_CONFIG_HOME: "/home/config", ...env } });
  const install = (...args: string[]) => cli.run("runner", "install", "--root", folder.path, "--json", ...args);
  const uninstall = (...args: string[]) => cli.run("runner", "uninstall", "--root", folder.path, ...args);
  const filesOf = (out: string) => JSON.parse(out) as { unit: string; environment_file: string; commands: string[] };
  return { path: folder.path, cli, install, uninstall, filesOf, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** What systemd has to say against a unit; nothing where it understands all. */
function verified(unit: string, place: string): string {
  const mode = unit.includes("/user/") ? ["--user"] : [];
  const { status, stderr } = spawnSync("systemd-analyze", [...mode, "verify", unit], {
    encoding: "utf8",
    env: { ...process.env, XDG_RUNTIME_DIR: place, HOME: place },
  });
  return status === 0 ? stderr : `${status}: ${stderr}`;
}

test.each(kinds)("systemd understands every line of the unit that is written %j", async ({ kind, unit }) => {
  using machine = aMachine();
  const { code, out } = await machine.install(...kind, "--as", "root");
  expect(code).toBe(0);
  const written = machine.filesOf(out).unit;
  expect(written).toContain(`${unit}/agenticore-runner.service`);
  expect(verified(written, machine.path)).toBe("");
  appendFileSync(written, "\n[Service]\nNoSuchKey=1\n");
  expect(verified(written, machine.path)).toContain("NoSuchKey");
});

test("nothing of a stopped runner survives, it comes back by itself, and jobs get the time that was asked for", async () => {
  using machine = aMachine();
  const { code, out } = await machine.cli.run("runner", "install", "--print", "--drain", "600", "--as", "builder");
  expect(code).toBe(0);
  for (const line of ["KillMode=mixed", "Restart=always", "TimeoutStopSec=660", "NoNewPrivileges=yes", "Delegate=yes"])
    expect(out.split("\n")).toContain(line);
  expect(out).toMatch(/ExecStart=.*"runner" "--drain-timeout" "600"/);
  if (isRoot) expect(out.split("\n")).toEqual(expect.arrayContaining(["User=builder", "ProtectSystem=full"]));
});

test("--print writes nothing", async () => {
  using machine = aMachine();
  const { code, out } = await machine.cli.run("runner", "install", "--print", "--root", machine.path, "--as", "root");
  expect(code).toBe(0);
  expect(out).toContain("[Service]");
  expect(existsSync(join(machine.path, "etc"))).toBe(false);
  expect(existsSync(join(machine.path, "home"))).toBe(false);
});

test("a unit of ours is replaced, one that was changed by hand only by --force", async () => {
  using machine = aMachine();
  const { unit } = machine.filesOf((await machine.install("--user")).out);
  expect(await machine.install("--user", "--drain", "60")).toMatchObject({ code: 0 });
  expect(readFileSync(unit, "utf8")).toContain("TimeoutStopSec=120");
  expect(JSON.parse((await machine.install("--user", "--drain", "60")).out)).toMatchObject({ changed: false });

  appendFileSync(unit, "# mine\n");
  const refused = await machine.install("--user");
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toContain("changed by hand");
  expect(readFileSync(unit, "utf8")).toContain("# mine");
  expect(await machine.install("--user", "--force")).toMatchObject({ code: 0 });
  expect(readFileSync(unit, "utf8")).not.toContain("# mine");
});

test("secrets go into a file for its owner only, and one that is there is kept", async () => {
  using machine = aMachine({ REDIS_URL: "rediss://one.example", GITHUB_TOKEN: 'a"b$c`d\\e' });
  const { environment_file, unit } = machine.filesOf((await machine.install("--user")).out);
  expect(statSync(environment_file).mode & 0o777).toBe(0o600);
  expect(readFileSync(unit, "utf8")).not.toContain("one.example");
  const shown = execFileSync("sh", [
    "-c",
    '. "$1"; printf "%s %s" "$REDIS_URL" "$GITHUB_TOKEN"',
    "sh",
    environment_file,
  ]);
  expect(String(shown)).toBe('rediss://one.example a"b$c`d\\e');
  appendFileSync(environment_file, "MINE=1\n");
  expect(JSON.parse((await machine.install("--user")).out)).toMatchObject({ environment_kept: true });
  expect(readFileSync(environment_file, "utf8")).toContain("MINE=1");
});

test("what is not set is named as a comment, and says what it is", () => {
  const text = environmentText({ AGENTICORE_POOLS: "big", UNRELATED: "x" });
  expect(text).toContain('AGENTICORE_POOLS="big"');
  expect(text).toContain("#REDIS_URL=");
  expect(text).not.toContain("UNRELATED");
});

test("uninstall takes the unit away and nothing else, but not while it is enabled or changed", async () => {
  using machine = aMachine();
  const { unit, environment_file } = machine.filesOf((await machine.install("--user")).out);
  const wants = join(dirname(unit), "default.target.wants");
  mkdirSync(wants);
  symlinkSync("../agenticore-runner.service", join(wants, "agenticore-runner.service"));
  const enabled = await machine.uninstall("--user");
  expect(enabled.code).toBe(1);
  expect(enabled.err).toContain("systemctl --user disable --now agenticore-runner.service");
  execFileSync("rm", ["-r", wants]);
  appendFileSync(unit, "# mine\n");
  expect(await machine.uninstall("--user")).toMatchObject({ code: 1 });
  expect(await machine.uninstall("--user", "--force")).toMatchObject({ code: 0, out: `${unit}\n` });
  expect(existsSync(unit)).toBe(false);
  expect(existsSync(environment_file)).toBe(true);
  expect(await machine.uninstall("--user")).toMatchObject({ code: 0, out: "" });
});

test("a user that does not exist, and npx's own copy, are refused before anything is written", async () => {
  if (isRoot) {
    const { code, err } = await aCli().run("runner", "install", "--as", "no-such-user-here");
    expect(code).toBe(1);
    expect(err).toContain("useradd");
  }
  const cli = aCli();
  Object.assign(cli.context, { root: "/home/me/.npm/_npx/1a2b/node_modules/agenticore" });
  const { code, err } = await cli.run("runner", "install", "--print");
  expect(code).toBe(1);
  expect(err).toContain("npm install --global");
});

test("a unit knows by itself whether it was changed, and takes every word literally", () => {
  const facts = {
    command: ["/a b/node", "100%", "$HOME", 'x"y'],
    path: "/bin",
    environmentFile: "/e",
    drainSeconds: 1,
  };
  const text = unitText(facts);
  expect(isOurs(text)).toBe(true);
  expect(isOurs(text.replace("Restart=always", "Restart=no"))).toBe(false);
  expect(isOurs("")).toBe(false);
  expect(text).toContain('ExecStart="/a b/node" "100%%" "$$HOME" "x\\"y"');
});
