import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { loadProfiles, type Profiles } from "../../../runner/profile/load-profiles.ts";
import { materialize } from "../../../runner/profile/materialize.ts";
import { profilePlaces } from "../../../runner/profile/profile-places.ts";
import { aConfig } from "../claude/drive.ts";

const packageRoot = resolve(import.meta.dirname, "../../..");
const rootOf = (layout: string) => resolve(import.meta.dirname, "../../fixtures/agentihooks", layout);

/** The profiles of an installation of this layout, as a runner finds them by its configuration. */
const load = (layout: string): Promise<Profiles> =>
  loadProfiles(
    profilePlaces(
      aConfig({ AGENTICORE_AGENTIHOOKS_PATH: rootOf(layout), AGENTICORE_DATA_DIR: "/nonexistent" }),
      packageRoot,
    ),
  );

/** What Claude finds in a job of this profile. */
async function laidOut(profiles: Profiles, name: string) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-hooks-"));
  try {
    const configDir = join(root, "claude");
    const made = await materialize({ profile: profiles.get(name), configDir, worktree: root, repoConfig: "none" });
    const text = (file: string) => readFileSync(join(configDir, file), "utf8");
    const servers = made.mcpConfig === undefined ? {} : JSON.parse(text("mcp.json")).mcpServers;
    return {
      settings: JSON.parse(text("settings.json")),
      claudeMd: text("CLAUDE.md"),
      servers,
      files: readdirSync(configDir, { recursive: true }),
    };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const hookOf = (layout: string) => ({
  hooks: [{ type: "command", command: `cd ${rootOf(layout)} && python3 -m hooks` }],
});

test.each([
  ["g1", ["code", "coding", "review"]],
  ["g2", ["admin", "code", "coding", "review"]],
  ["g3", ["both", "code", "default", "review", "strict"]],
  ["g4", ["code", "coding", "readonly", "review"]],
])(
  "every profile of the layout %s is found, all are valid, and `_base` and `package` are none",
  async (layout, names) => {
    const { summaries } = await load(layout);
    expect(summaries.map(({ name, error }) => (error === undefined ? name : error))).toEqual(names);
    expect(summaries.filter(({ source }) => source === "agentihooks")).toHaveLength(names.length - 2);
  },
);

describe("the first layout: generated settings and MCP servers beside their overrides", () => {
  test("its keys for others have no effect and are told; the rest is as it says", async () => {
    const { profile, notes } = (await load("g1")).get("coding");
    expect(profile).toMatchObject({
      auto_pr: true,
      claude: {
        model: "sonnet",
        max_turns: 80,
        permission_mode: "bypassPermissions",
        effort: "high",
        timeout: 3600,
      },
    });
    expect(notes).toEqual([
      "`mcp_categories` is for agentihooks: it has no effect.",
      "`claude.worktree` is a matter of Agenticore's own: it has no effect.",
      "`claude.output_format` is a matter of Agenticore's own: it has no effect.",
      "`claude.no_session_persistence` is a matter of Agenticore's own: it has no effect.",
    ]);
  });

  test("base, generated file and overrides are merged, and what two of them say is there once", async () => {
    const { settings, claudeMd } = await laidOut(await load("g1"), "coding");
    expect(settings).toEqual({
      permissions: { allow: ["Bash(*)", "Read(*)"], deny: ["Bash(sudo *)", "Bash(git push *)"] },
      env: { TEAMS: "1", SECRETS_MODE: "strict" },
      hooks: { SessionStart: [hookOf("g1")] },
    });
    expect(claudeMd).toBe("You write code (first layout).\n");
  });

  test("`/app` is the folder of agentihooks only where a path begins with it", async () => {
    const { servers } = await laidOut(await load("g1"), "coding");
    expect(servers["hooks-utils"]).toEqual({
      command: "python3",
      args: ["-m", "hooks.mcp", "--root", `${rootOf("g1")}/data`, "--like", "/srv/app", "/apple", "/app-data"],
      env: { PYTHONPATH: rootOf("g1") },
    });
  });
});

describe("the second layout: nothing is generated", () => {
  test("the settings are the base's and the overrides', for a child too", async () => {
    const profiles = await load("g2");
    const { settings, claudeMd } = await laidOut(profiles, "admin");
    expect(settings).toEqual({
      permissions: { allow: ["Bash(*)", "Read(*)"], deny: ["Bash(sudo *)"] },
      env: { SECRETS_MODE: "strict" },
      hooks: { Stop: [hookOf("g2")] },
    });
    expect(claudeMd).toBe("You write code (second layout).\n\nYou keep machines (second layout).\n");
    expect(profiles.get("admin").profile).toMatchObject({
      auto_pr: false,
      claude: { permission_mode: "bypassPermissions", max_turns: 80 },
    });
  });
});

describe("the third layout: CLAUDE.md at the root, the rest below `.claude`", () => {
  test("the mode of the settings counts where the profile names none", async () => {
    expect((await load("g3")).get("default").profile.claude).toMatchObject({
      permission_mode: "auto",
      model: "sonnet",
    });
  });

  test("a chain of names merges all of them: rules accumulate, instructions stand one after the other", async () => {
    const profiles = await load("g3");
    const { settings, claudeMd, servers, files } = await laidOut(profiles, "both");
    expect(profiles.get("both").profile).toMatchObject({
      extends: "default, strict",
      claude: { model: "sonnet", effort: "high", max_turns: 7, permission_mode: "auto" },
    });
    expect(settings).toEqual({
      permissions: { defaultMode: "auto", deny: ["Bash(sudo *)", "Bash(git push *--force*)"] },
      hooks: { PreToolUse: [{ matcher: "Bash", ...hookOf("g3") }] },
    });
    expect(claudeMd).toBe("You work by yourself (third layout).\n\nAsk nobody twice (third layout).\n");
    expect(Object.keys(servers)).toEqual(["notes"]);
    expect(files).toEqual(expect.arrayContaining(["rules/short.md", "rules/strict.md", "commands/tidy.md"]));
  });
});

describe("the fourth layout: no `profile.yml`", () => {
  test("model, effort and mode come from the settings", async () => {
    const profiles = await load("g4");
    const { settings, claudeMd, files } = await laidOut(profiles, "coding");
    expect(profiles.get("coding").profile.claude).toMatchObject({ permission_mode: "acceptEdits" });
    expect(profiles.get("readonly").profile.claude).toMatchObject({ permission_mode: "plan" });
    expect(settings).toEqual({
      model: "sonnet",
      effortLevel: "high",
      permissions: { defaultMode: "acceptEdits", ask: ["Bash(rm -rf *)"], deny: ["Bash(sudo *)"] },
    });
    expect(claudeMd).toBe("You write code (fourth layout).\n");
    expect(files).toContain("skills/mend/SKILL.md");
  });
});
