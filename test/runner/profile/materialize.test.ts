import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { findLogin, storageOf } from "../../../runner/profile/login.ts";
import { type MaterializeFacts, materialize } from "../../../runner/profile/materialize.ts";
import { repoConfigOf } from "../../../runner/profile/repo-config.ts";
import { aConfig, aLoadedProfile, aProfile } from "../claude/drive.ts";

function aPlace(files: Readonly<Record<string, string>> = {}) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-materialize-"));
  const at = (path: string) => join(root, path);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  for (const folder of ["base", "profile", "tree"]) mkdirSync(at(folder));
  for (const [path, text] of Object.entries(files)) put(path, text);
  const make = (more: Partial<MaterializeFacts> = {}) =>
    materialize({
      profile: aLoadedProfile({}, [at("base"), at("profile")]),
      configDir: at("run/claude"),
      worktree: at("tree"),
      repoConfig: "instructions",
      ...more,
    });
  const json = (path: string) => JSON.parse(readFileSync(at(path), "utf8"));
  const text = (path: string) => readFileSync(at(path), "utf8");
  return { root, at, put, make, json, text, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

test("an empty profile makes a private folder with settings and a first start behind it", async () => {
  using place = aPlace();
  const made = await place.make();
  expect(made).toEqual({ configDir: place.at("run/claude"), warnings: [] });
  expect(readdirSync(place.at("run/claude")).sort()).toEqual([".claude.json", "settings.json"]);
  expect(statSync(place.at("run/claude")).mode & 0o777).toBe(0o700);
  for (const file of readdirSync(place.at("run/claude")))
    expect(statSync(place.at(`run/claude/${file}`)).mode & 0o777).toBe(0o600);
  expect(place.json("run/claude/.claude.json")).toEqual({ hasCompletedOnboarding: true, projects: {} });
});

test("settings are merged over parents, overrides, and the person's own below them all", async () => {
  using place = aPlace({
    "person/settings.json": '{"model":"person","env":{"A":"person","P":"person"}}',
    "base/.claude/settings.json": '{"env":{"A":"base","B":"base"},"permissions":{"deny":["Read(x)"]}}',
    "profile/.claude/settings.json": '{"env":{"B":"child"}}',
    "profile/settings.overrides.json": '{"permissions":{"deny":["Read(y)"]}}',
  });
  await place.make({ userConfigDir: place.at("person") });
  expect(place.json("run/claude/settings.json")).toEqual({
    model: "person",
    env: { A: "base", B: "child", P: "person" },
    permissions: { deny: ["Read(x)", "Read(y)"] },
  });
});

test("W-34: a child with hooks and rules of its own loses none of its parent's", async () => {
  const command = (name: string) => ({ hooks: [{ type: "command", command: name }] });
  using place = aPlace({
    "base/.claude/settings.json": JSON.stringify({
      permissions: { allow: ["Bash"], deny: ["Read(x)"], ask: ["Bash(rm *)"] },
      hooks: { PreToolUse: [command("guard")], Stop: [command("bell")] },
      sandbox: { filesystem: { denyWrite: ["/etc"] } },
      disabledMcpjsonServers: ["a"],
    }),
    "profile/.claude/settings.json": JSON.stringify({
      permissions: { allow: ["Read"], deny: [], ask: ["Bash(curl *)"] },
      hooks: { PreToolUse: [command("guard"), command("more")] },
      sandbox: { filesystem: { denyWrite: ["/usr"] } },
      disabledMcpjsonServers: ["b"],
    }),
  });
  await place.make();
  expect(place.json("run/claude/settings.json")).toEqual({
    // What is allowed is not widened by a parent.
    permissions: { allow: ["Read"], deny: ["Read(x)"], ask: ["Bash(rm *)", "Bash(curl *)"] },
    hooks: { PreToolUse: [command("guard"), command("more")], Stop: [command("bell")] },
    sandbox: { filesystem: { denyWrite: ["/etc", "/usr"] } },
    disabledMcpjsonServers: ["a", "b"],
  });
});

test("instructions of parents come first, then the profile's, then the repository's by import", async () => {
  using place = aPlace({
    "base/CLAUDE.md": "Base.\n",
    "profile/.claude/CLAUDE.md": "Child.\n",
    "tree/CLAUDE.md": "Repository.",
    "tree/.claude/CLAUDE.md": "Inner.",
  });
  await place.make();
  expect(place.text("run/claude/CLAUDE.md")).toBe(
    `Base.\n\nChild.\n\n@${place.at("tree/CLAUDE.md")}\n\n@${place.at("tree/.claude/CLAUDE.md")}\n`,
  );
});

test("with `none` and with `all` nothing is imported: Claude finds nothing, or all by itself", async () => {
  using place = aPlace({ "tree/CLAUDE.md": "Repository." });
  await place.make({ repoConfig: "none" });
  expect(existsSync(place.at("run/claude/CLAUDE.md"))).toBe(false);
  await place.make({ repoConfig: "all", trustedFolders: [place.at("tree")] });
  expect(existsSync(place.at("run/claude/CLAUDE.md"))).toBe(false);
  expect(place.json("run/claude/.claude.json").projects).toEqual({
    [place.at("tree")]: { hasTrustDialogAccepted: true },
  });
});

test("agents, skills, commands, rules and hooks come along, a child's file over its parent's, links as what they point to", async () => {
  using place = aPlace({
    "shared/tool.md": "shared",
    "base/.claude/agents/a.md": "base a",
    "base/.claude/agents/b.md": "base b",
    "profile/.claude/agents/a.md": "child a",
    "profile/.claude/skills/s/SKILL.md": "skill",
    "profile/.claude/commands/c.md": "command",
    "profile/.claude/rules/r.md": "rule",
    "profile/.claude/hooks/h.sh": "#!/bin/sh\n",
    "profile/.claude/projects/-x/secret.jsonl": "somebody's session",
    "profile/.claude/.credentials.json": "somebody's login",
    "profile/.claude/settings.local.json": "{}",
  });
  symlinkSync(place.at("shared"), place.at("profile/.claude/skills/linked"));
  await place.make();
  expect(place.text("run/claude/agents/a.md")).toBe("child a");
  expect(place.text("run/claude/agents/b.md")).toBe("base b");
  expect(lstatSync(place.at("run/claude/skills/linked")).isDirectory()).toBe(true);
  expect(readdirSync(place.at("run/claude")).sort()).toEqual(
    [".claude.json", "agents", "commands", "hooks", "rules", "settings.json", "skills"].sort(),
  );
});

test("MCP servers of parents and profile go into one file, a child's over its parent's", async () => {
  using place = aPlace({
    "base/.mcp.json": '{"mcpServers":{"a":{"command":"x"},"b":{"command":"y","args":["1"]}}}',
    "profile/.mcp.json": '{"mcpServers":{"b":{"type":"http","url":"https://example.com/mcp"}}}',
  });
  const { mcpConfig } = await place.make();
  expect(mcpConfig).toBe(place.at("run/claude/mcp.json"));
  expect(place.json("run/claude/mcp.json").mcpServers).toEqual({
    a: { command: "x" },
    b: { type: "http", url: "https://example.com/mcp" },
  });
});

test.each([
  ['{"mcpServers":{"x":{"type":"carrier-pigeon","url":"coo"}}}', /"x" needs a "command"/],
  ['{"mcpServers":{"x":7}}', /"x" needs/],
  ['{"mcpServers":[]}', /mcpServers must be a JSON object/],
  ['{"a": "a secret" "b"}', /\.mcp\.json, line 1: is not JSON\.$/],
  ["{", /\.mcp\.json, line 1: is not JSON\.$/],
  ["[]", /must be a JSON object/],
])("MCP servers that Claude would silently leave out make the profile invalid: %s", async (text, message) => {
  using place = aPlace({ "profile/.mcp.json": text });
  await expect(place.make()).rejects.toMatchObject({
    code: "profile_invalid",
    message: expect.stringMatching(message),
  });
});

test("nothing of an earlier attempt's folder is kept, and a link in its place is not followed", async () => {
  using place = aPlace({
    "run/claude/settings.json": '{"hooks":"planted"}',
    "run/claude/agents/evil.md": "planted",
    "run/claude.old/left": "by a crash",
    "elsewhere/precious": "mine",
  });
  await place.make();
  expect(existsSync(place.at("run/claude/agents"))).toBe(false);
  expect(existsSync(place.at("run/claude.old"))).toBe(false);
  rmSync(place.at("run/claude"), { recursive: true });
  symlinkSync(place.at("elsewhere"), place.at("run/claude"));
  await place.make();
  expect(lstatSync(place.at("run/claude")).isDirectory()).toBe(true);
  expect(readdirSync(place.at("elsewhere"))).toEqual(["precious"]);
});

test("a repository's CLAUDE.md that leads out of the worktree is left out, with a warning", async () => {
  using place = aPlace({ "secret.txt": "secret", "tree/docs/ok.md": "See @../../secret.txt" });
  for (const [text, named] of [
    [`Read @${place.at("secret.txt")}`, place.at("secret.txt")],
    ["Read @../secret.txt, then go on", "../secret.txt"],
    ["Read `@docs/ok.md`", "../../secret.txt"],
  ] as const) {
    place.put("tree/CLAUDE.md", text);
    const { warnings } = await place.make();
    expect(warnings).toEqual([expect.stringMatching(/CLAUDE\.md was left out/)]);
    expect(warnings[0]).toContain(named);
    expect(existsSync(place.at("run/claude/CLAUDE.md"))).toBe(false);
  }
  rmSync(place.at("tree/CLAUDE.md"));
  symlinkSync(place.at("secret.txt"), place.at("tree/CLAUDE.md"));
  expect((await place.make()).warnings[0]).toContain("a file outside the worktree");
  expect(existsSync(place.at("run/claude/CLAUDE.md"))).toBe(false);
});

test("imports inside the worktree, a link to AGENTS.md, mail addresses and `@/` aliases are fine", async () => {
  using place = aPlace({ "tree/AGENTS.md": "Mail ann@example.com, import from `@/lib`, `@/`, see @docs/a.md" });
  place.put("tree/docs/a.md", "and back @../AGENTS.md");
  symlinkSync("AGENTS.md", place.at("tree/CLAUDE.md"));
  const { warnings } = await place.make();
  expect(warnings).toEqual([]);
  expect(place.text("run/claude/CLAUDE.md")).toBe(`@${place.at("tree/AGENTS.md")}\n`);
});

test("a web of imports is not followed for ever", async () => {
  using place = aPlace();
  const all = Array.from({ length: 600 }, (_, i) => `@f${i}.md`).join(" ");
  for (let i = 0; i < 600; i += 1) place.put(`tree/f${i}.md`, all);
  place.put("tree/CLAUDE.md", all);
  expect((await place.make()).warnings[0]).toContain("too many files");
});

test("a login is looked for in this order: token, key, cloud, the configured folder, the home folder", () => {
  using place = aPlace({ "home/.claude/.credentials.json": "{}", "own/.credentials.json": "{}" });
  const home = aConfig({ CLAUDE_CODE_HOME_DIR: place.at("home") });
  const own = aConfig({ CLAUDE_CODE_HOME_DIR: place.at("home"), AGENTICORE_CLAUDE_CONFIG_DIR: place.at("own") });
  const all = { CLAUDE_CODE_USE_VERTEX: "1", CLAUDE_CODE_USE_BEDROCK: "1", ANTHROPIC_API_KEY: "k" };
  expect(findLogin({ variables: { ...all, CLAUDE_CODE_OAUTH_TOKEN: "t" }, config: own }).kind).toBe("oauth_token");
  expect(findLogin({ variables: all, config: own }).kind).toBe("api_key");
  expect(findLogin({ variables: { ...all, ANTHROPIC_API_KEY: "" }, config: own }).kind).toBe("bedrock");
  expect(findLogin({ variables: {}, config: own })).toEqual({ kind: "file", path: place.at("own/.credentials.json") });
  expect(findLogin({ variables: {}, config: home })).toEqual({
    kind: "file",
    path: place.at("home/.claude/.credentials.json"),
  });
  expect(storageOf(findLogin({ variables: {}, config: own }))).toBe(place.at("own"));
  expect(storageOf(findLogin({ variables: all, config: own }))).toBeUndefined();
  const nowhere = aConfig({ CLAUDE_CODE_HOME_DIR: place.at("tree") });
  expect(findLogin({ variables: {}, config: nowhere })).toEqual({
    kind: "none",
    lookedAt: place.at("tree/.claude/.credentials.json"),
  });
});

test("a repository's own settings run only where it is named as trusted", () => {
  const all = aProfile({ repo_config: "all" });
  const trusted = ["https://github.com/ours/**"];
  const ask = (url: string | undefined, profile = all) =>
    repoConfigOf(profile, { trusted, ...(url === undefined ? {} : { url }) });
  expect(ask("https://github.com/ours/app")).toEqual({ repoConfig: "all", warnings: [] });
  expect(ask("https://github.com/theirs/app")).toMatchObject({
    repoConfig: "instructions",
    warnings: [expect.stringContaining("AGENTICORE_TRUSTED_REPOS")],
  });
  expect(ask(undefined).repoConfig).toBe("instructions");
  expect(ask("https://github.com/ours/app", aProfile({ repo_config: "none" })).repoConfig).toBe("none");
});
