import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LoadedProfile } from "../../runner/profile/extend.ts";
import { aLoadedProfile, bundledProfile, drive } from "../runner/claude/drive.ts";
import { type Desk, openDesk } from "../support/desk.ts";
import { type Model, startModel } from "../support/model/start-model.ts";

let model: Model;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model[Symbol.asyncDispose]());

const put = (root: string, files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};
const commit = (desk: Desk, files: Readonly<Record<string, string>>) => {
  put(desk.repo, files);
  desk.git("add", "-A");
  desk.git("commit", "-q", "-m", "chore: more files");
};
const ownProfile = (desk: Desk, content: unknown, files: Readonly<Record<string, string>> = {}): LoadedProfile => {
  const folder = join(desk.home, "profiles", "own");
  put(folder, { "profile.yml": "", ...files });
  return aLoadedProfile(content, [folder]);
};
/** Everything that the model was told in this session. */
const told = (session: string): string =>
  model
    .requests()
    .filter((request) => request.session === session)
    .map(({ system, userTexts }) => `${system}\n${userTexts.join("\n")}`)
    .join("\n");
const sessionOf = (plan: { argv: readonly string[] }): string => plan.argv[plan.argv.indexOf("--session-id") + 1] ?? "";
const hook = (command: string) => ({ hooks: { SessionStart: [{ hooks: [{ type: "command", command }] }] } });
const touching = (path: string) => JSON.stringify({ mcpServers: { x: { command: "touch", args: [path] } } });

describe("the bundled profiles", () => {
  test("`code` writes, commits, and leaves the worktree clean", async () => {
    await using desk = openDesk(model.url);
    const run = await drive({ desk, url: model.url }, "Add it. [[scenario:write-commit]]");
    expect(run.judged()).toMatchObject({ status: "succeeded", output: "Committed hello.txt.", num_turns: 4 });
    expect(desk.git("log", "--format=%an %s", "-1")).toBe("Test feat: add hello.txt\n");
    expect(desk.git("status", "--short")).toBe("");
  });

  test("`code` may not plant a git hook", async () => {
    await using desk = openDesk(model.url);
    const run = await drive({ desk, url: model.url }, "Try. [[scenario:denied]]");
    expect(run.judged()).toMatchObject({
      status: "succeeded",
      warnings: ["The profile's permissions denied Write once."],
    });
    expect(run.events.map(({ type }) => type)).toContain("permission.denied");
    expect(existsSync(join(desk.repo, ".git/hooks/pre-commit"))).toBe(false);
  });

  test("W-36: `review` has only tools that read, whatever the model asks for", async () => {
    await using desk = openDesk(model.url);
    const profile = await bundledProfile("review");
    const run = await drive({ desk, url: model.url }, "Look. [[scenario:leave-uncommitted]]", { profile });
    expect(run.judged().status).toBe("succeeded");
    const request = model.requests().find(({ session }) => session === sessionOf(run.plan));
    const tools = request?.tools.filter((tool) => tool !== "DeferredToolPlaceholder") ?? [];
    expect([...tools].sort()).toEqual(["Glob", "Grep", "Read"]);
    await drive({ desk, url: model.url }, 'Try. [[scenario:denied command="touch planted"]]', { profile });
    expect(desk.git("status", "--short")).toBe("");
  });
});

describe("a repository's own configuration", () => {
  const files = (desk: Desk) => ({
    "CLAUDE.md": "REPO-WORDS see @docs/more.md",
    "docs/more.md": "IMPORTED-WORDS",
    ".claude/CLAUDE.md": "INNER-WORDS",
    ".claude/settings.json": JSON.stringify(hook(`touch ${desk.home}/hooked`)),
    ".mcp.json": touching(join(desk.home, "mcp-started")),
  });
  const ran = (desk: Desk) => [existsSync(join(desk.home, "hooked")), existsSync(join(desk.home, "mcp-started"))];

  test("by default its instructions are read, and its hooks and MCP servers do not run", async () => {
    await using desk = openDesk(model.url);
    commit(desk, files(desk));
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]");
    for (const words of ["REPO-WORDS", "IMPORTED-WORDS", "INNER-WORDS", "You work alone"])
      expect(told(sessionOf(run.plan))).toContain(words);
    expect(ran(desk)).toEqual([false, false]);
    expect(desk.git("status", "--short")).toBe("");
  });

  test("its instructions are read from a folder with a space in its name", async () => {
    await using desk = openDesk(model.url);
    commit(desk, files(desk));
    const worktree = join(desk.home, "a tree (1)");
    desk.git("worktree", "add", "-q", "--detach", worktree);
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]", { worktree });
    expect(told(sessionOf(run.plan))).toContain("IMPORTED-WORDS");
  });

  test("instructions that bring in a file from outside the worktree are not read", async () => {
    await using desk = openDesk(model.url);
    put(desk.home, { "secret.txt": "SECRET-WORDS" });
    commit(desk, { "CLAUDE.md": `REPO-WORDS @${desk.home}/secret.txt` });
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]");
    expect(told(sessionOf(run.plan))).not.toContain("SECRET-WORDS");
    expect(run.warnings).toEqual([expect.stringContaining("secret.txt")]);
  });

  test("with `none` nothing of it is read", async () => {
    await using desk = openDesk(model.url);
    commit(desk, files(desk));
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]", { repoConfig: "none" });
    expect(told(sessionOf(run.plan))).not.toMatch(/REPO-WORDS|INNER-WORDS/);
    expect(ran(desk)).toEqual([false, false]);
  });

  test("with `all` everything of it runs: this is what trust means", async () => {
    await using desk = openDesk(model.url);
    commit(desk, files(desk));
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]", { repoConfig: "all" });
    expect(told(sessionOf(run.plan))).toContain("REPO-WORDS");
    expect(ran(desk)).toEqual([true, true]);
  });
});

/** The MCP server of `test/fixtures`, which notes what it is asked in the file. */
const noter = (file: string) => ({
  command: process.execPath,
  args: [resolve(import.meta.dirname, "../fixtures/mcp-server.ts"), file],
  env: { NOTER: "the-profile" },
});

describe("W-31: of a person's profile", () => {
  /** One run of a profile that has everything. */
  async function ran(task: string) {
    const desk = openDesk(model.url);
    const profile = ownProfile(
      desk,
      { claude: { allowed_tools: ["Bash", "mcp__noter"] } },
      {
        "CLAUDE.md": "OWN-WORDS",
        ".claude/settings.json": JSON.stringify({
          hooks: {
            SessionStart: [{ hooks: [{ type: "command", command: `touch ${desk.home}/session-hook` }] }],
            PreToolUse: [
              { matcher: "Write", hooks: [{ type: "command", command: 'sh "$CLAUDE_CONFIG_DIR/hooks/say.sh"' }] },
            ],
          },
          permissions: { deny: ["Bash(git commit:*)"] },
          env: { FROM_SETTINGS: "set-by-settings" },
        }),
        ".claude/hooks/say.sh": `touch ${desk.home}/tool-hook\n`,
        ".claude/agents/auditor.md": "---\nname: auditor\ndescription: AUDITOR-WORDS\n---\nAudit.",
        ".claude/skills/mend/SKILL.md": "---\nname: mend\ndescription: SKILL-WORDS\n---\nMend.",
        ".claude/commands/tidy.md": "---\ndescription: TIDY-WORDS\n---\nTidy up: $ARGUMENTS [[scenario:text]]",
        ".claude/rules/short.md": "RULE-WORDS",
        ".mcp.json": JSON.stringify({ mcpServers: { noter: noter(join(desk.home, "noted")) } }),
      },
    );
    const run = await drive({ desk, url: model.url }, task, { profile });
    return { desk, run, told: told(sessionOf(run.plan)), [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose]() };
  }

  test("instructions, rules, agents, skills, commands and hooks reach Claude, and a rule that denies holds", async () => {
    await using at = await ran("Add it. [[scenario:write-commit]]");
    for (const words of ["OWN-WORDS", "RULE-WORDS", "AUDITOR-WORDS", "SKILL-WORDS", "TIDY-WORDS"])
      expect(at.told).toContain(words);
    expect(existsSync(join(at.desk.home, "session-hook"))).toBe(true);
    expect(existsSync(join(at.desk.home, "tool-hook"))).toBe(true);
    expect(at.desk.git("status", "--short")).toBe("A  hello.txt\n");
    expect(at.run.judged().warnings).toEqual(["The profile's permissions denied Bash once."]);
  });

  test("a command can be called by the task", async () => {
    await using at = await ran("/tidy the kitchen");
    expect(at.told).toContain("Tidy up: the kitchen");
    expect(at.desk.git("status", "--short")).toBe("");
  });

  test("variables of the settings reach what Claude runs", async () => {
    await using at = await ran('Try. [[scenario:run command="echo $FROM_SETTINGS > seen.txt"]]');
    expect(at.desk.read("seen.txt")).toBe("set-by-settings\n");
  });

  test("an MCP server is started with its variables, and its tool is called", async () => {
    await using at = await ran("Note it. [[scenario:denied tool=mcp__noter__note]]");
    expect(readFileSync(join(at.desk.home, "noted"), "utf8")).toContain("tools/call the-profile\n");
    expect(at.run.judged()).toMatchObject({ status: "succeeded", warnings: [] });
    expect(at.desk.git("status", "--short")).toBe("");
  });
});

describe("a person's profile", () => {
  test("an MCP server that does not start is told", async () => {
    await using desk = openDesk(model.url);
    const files = { ".mcp.json": touching(join(desk.home, "own-mcp")) };
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]", {
      profile: ownProfile(desk, {}, files),
    });
    expect(existsSync(join(desk.home, "own-mcp"))).toBe(true);
    expect(run.judged().warnings).toEqual(["The MCP server x did not start."]);
  });

  test("its variables reach what Claude runs, and the runner's secrets do not", async () => {
    await using desk = openDesk(model.url);
    const profile = ownProfile(desk, { env: { GREETING: "from-the-profile" }, claude: { allowed_tools: ["Bash"] } });
    const task = 'Try. [[scenario:denied command="env > seen.txt"]]';
    await drive({ desk, url: model.url }, task, { profile, env: { GITHUB_TOKEN: "ghp_notforyou", REDIS_TOKEN: "no" } });
    const seen = desk.read("seen.txt");
    expect(seen).toContain("GREETING=from-the-profile");
    expect(seen).toMatch(/^AGENTICORE_JOB_ID=[0-9a-f-]{36}$/m);
    expect(seen).not.toMatch(/notforyou|REDIS_TOKEN|node_modules\/\.bin/);
  });

  test("a login in a file is used where it is, when there is no key", async () => {
    await using desk = openDesk(model.url);
    const login = {
      accessToken: "sk-ant-oat01-scripted",
      refreshToken: "sk-ant-ort01-scripted",
      expiresAt: Date.now() + 86_400_000,
      scopes: ["user:inference"],
      subscriptionType: "max",
    };
    put(desk.home, { ".claude/.credentials.json": JSON.stringify({ claudeAiOauth: login }) });
    const run = await drive({ desk, url: model.url }, "Hello. [[scenario:text]]", { env: { ANTHROPIC_API_KEY: "" } });
    expect(run.judged().status).toBe("succeeded");
    expect(model.requests().find(({ session }) => session === sessionOf(run.plan))?.key).toBe("bearer");
    expect(readdirSync(run.configDir)).not.toContain(".credentials.json");
  });
});
