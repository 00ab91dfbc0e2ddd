import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { aCli } from "../support/a-cli.ts";
import { claudeBinary } from "../support/claude-cli.ts";

type Row = Readonly<{ key: string; value: unknown; from: string }>;
type Shown = Readonly<{
  values: readonly Row[];
  settings: readonly Row[];
  command: readonly string[];
  notes: readonly string[];
  mcp_servers: unknown;
  parts: unknown;
  instructions: unknown;
}>;

function place(files: Readonly<Record<string, string>>, env: Record<string, string> = {}) {
  const cli = aCli({ env: { AGENTICORE_CLAUDE_BINARY: claudeBinary(), ...env } });
  const at = (path: string) => join(cli.home, ".agenticore/profiles", path);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  }
  const show = async (name: string) => {
    const { code, out } = await cli.run("profiles", "show", name, "--json");
    expect(code).toBe(0);
    const { profile } = JSON.parse(out) as { profile: Shown };
    const row = (rows: readonly Row[], key: string) => {
      const found = rows.find((one) => one.key === key);
      return found && [found.value, found.from.replaceAll(`${cli.home}/.agenticore/profiles/`, "")];
    };
    return {
      profile,
      value: (key: string) => row(profile.values, key),
      setting: (key: string) => row(profile.settings, key),
    };
  };
  return { cli, at, show };
}

const family = {
  "base/profile.yml":
    "auto_pr: false\nenv: {A: base, B: base, API_TOKEN: geheim-0001}\nclaude: {model: opus, effort: low, max_turns: 5, add_dir: [/srv]}\n",
  "base/CLAUDE.md": "Base.",
  "base/.claude/settings.json":
    '{"permissions":{"deny":["Bash(x)"],"defaultMode":"plan"},"env":{"MY_SECRET":"geheim-0002"}}',
  "base/.claude/agents/a.md": "a",
  "base/.mcp.json":
    '{"mcpServers":{"m":{"type":"http","url":"https://x.example","headers":{"Authorization":"geheim-0003"}}}}',
  "child/profile.yml":
    "description: A child\nextends: base\nauto_pr: false\nenv: {B: child}\nclaude: {model: default, effort: null, brief: true, worktree: true, max_budget_usd: 2}\n",
  "child/.claude/settings.json": '{"permissions":{"deny":["Bash(y z)"]},"model":"haiku"}',
  "child/.claude/agents/a.md": "mine",
};

test("`profiles show` tells each effective value and the file that has the last word on it", async () => {
  const { value, setting, profile } = await place(family).show("child");
  expect(value("extends")).toEqual(["base", "child/profile.yml"]);
  expect(value("auto_pr")).toEqual([false, "child/profile.yml"]);
  expect(value("gh")).toEqual([false, "default"]);
  expect(value("env.A")).toEqual(["base", "base/profile.yml"]);
  expect(value("env.B")).toEqual(["child", "child/profile.yml"]);
  expect(value("claude.model")).toEqual(["default", "child/profile.yml"]);
  expect(value("claude.effort")).toBeUndefined();
  expect(value("claude.max_turns")).toEqual([5, "base/profile.yml"]);
  expect(value("claude.add_dir")).toEqual([["/srv"], "base/profile.yml"]);
  expect(value("claude.brief")).toEqual([true, "child/profile.yml"]);
  expect(value("claude.permission_mode")).toEqual(["plan", "base/.claude/settings.json"]);
  expect(value("claude.timeout")).toEqual([3600, "claude.timeout of the configuration"]);
  expect(setting("permissions.deny")).toEqual([
    ["Bash(x)", "Bash(y z)"],
    "base/.claude/settings.json, child/.claude/settings.json",
  ]);
  expect(setting("model")).toEqual(["haiku", "child/.claude/settings.json"]);
  expect(profile.notes).toEqual(["`claude.worktree` is a matter of Agenticore's own: it has no effect."]);
});

test("it tells the files that reach Claude, and Claude's command line as a job has it", async () => {
  const { at, show } = place(family);
  const { profile } = await show("child");
  expect(profile).toMatchObject({
    instructions: [at("base/CLAUDE.md")],
    mcp_servers: [{ name: "m", from: at("base/.mcp.json") }],
    parts: [{ name: "agents/a.md", from: at("child/.claude") }],
  });
  expect(profile.command).toEqual([
    claudeBinary(),
    ...["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--replay-user-messages"],
    ...["--session-id", "SESSION", "--permission-mode", "plan", "--setting-sources", "user", "--strict-mcp-config"],
    ...["--mcp-config=JOB/claude/mcp.json", "--max-turns=5", "--max-budget-usd=2", "--add-dir", "/srv", "--brief"],
  ]);
});

test("secrets in it are not shown, in text and in JSON", async () => {
  const { cli } = place(family);
  for (const argv of [["child"], ["child", "--json"]]) {
    const { code, out, err } = await cli.run("profiles", "show", ...argv);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("env.API_TOKEN");
    expect(out).toContain("env.MY_SECRET");
    expect(out).not.toContain("geheim");
  }
});

test("in text the command can be given to a shell", async () => {
  const { cli } = place({
    "x/profile.yml": "claude: {append_system_prompt: \"It's me\", allowed_tools: ['Bash(git *)']}",
  });
  const { out } = await cli.run("profiles", "show", "x");
  expect(out).toContain(`'--append-system-prompt=It'\\''s me' --allowedTools 'Bash(git *)'`);
});

test("W-40: the folder of agentihooks in the configuration file counts, and the variable wins over it", async () => {
  const layout = (name: string) => resolve(import.meta.dirname, "../fixtures/agentihooks", name);
  const file = { "../config.yml": `agentihooks_path: ${layout("g4")}\n` };
  expect((await place(file).show("coding")).setting("effortLevel")?.[0]).toBe("high");
  const both = place(file, { AGENTICORE_AGENTIHOOKS_PATH: layout("g2") });
  expect((await both.show("coding")).value("claude.max_turns")?.[0]).toBe(80);
});

test("W-39: settings that the installed Claude would leave out as a whole are an error, with key and file", async () => {
  const settings = '{"model": 7, "permissions": {"deny": ["Bash(git commit:*)"]}}';
  const { cli, at } = place({
    "bad/.claude/settings.json": settings,
    "good/.claude/settings.json": '{"model": "opus"}',
  });
  const { code, err } = await cli.run("profiles", "show", "bad");
  expect(code).toBe(1);
  expect(err).toContain(`settings of ${at("bad/.claude/settings.json")}: model: Expected string, but received number`);
  expect((await cli.run("profiles", "show", "good")).code).toBe(0);
});

test("an unknown profile, and one that is not valid, end with 1 and say why", async () => {
  const { cli } = place({ "bad/profile.yml": "claude:\n  modle: x\n" });
  const unknown = await cli.run("profiles", "show", "revew");
  const bad = await cli.run("profiles", "show", "bad");
  expect([unknown.code, unknown.out, bad.code, bad.out]).toEqual([1, "", 1, ""]);
  expect(unknown.err).toContain("There are: bad, code, review.");
  expect(unknown.err).toContain('Did you mean "review"?');
  expect(bad.err).toContain('bad/profile.yml, line 2: claude.modle: unknown key; the nearest is "model"');
});
