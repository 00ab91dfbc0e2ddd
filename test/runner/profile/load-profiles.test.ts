import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { loadProfiles } from "../../../runner/profile/load-profiles.ts";
import { ProfileSummary } from "../../../shared/profile.ts";

const bundled = resolve(import.meta.dirname, "../../../profiles");

function aPlace(files: Readonly<Record<string, string>> = {}) {
  const root = mkdtempSync(join(tmpdir(), "agenticore-profiles-"));
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [path, text] of Object.entries(files)) put(path, text);
  const places = { bundled: join(root, "bundled"), agentihooks: join(root, "hooks"), user: join(root, "user") };
  return { root, put, load: () => loadProfiles(places), [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}
const user = (files: Readonly<Record<string, string>>) =>
  aPlace(Object.fromEntries(Object.entries(files).map(([path, text]) => [`user/${path}`, text])));
const errorOf = async (text: string) => {
  using at = user({ "x/profile.yml": text, "good/profile.yml": "description: fine" });
  const { summaries } = await at.load();
  expect(summaries.find(({ name }) => name === "good")).toMatchObject({ description: "fine" });
  return (summaries.find(({ name }) => name === "x")?.error ?? "none").replace(at.root, "");
};

describe("the bundled profiles", () => {
  test("`code` edits, runs commands and opens a pull request", async () => {
    const { profile } = (await loadProfiles({ bundled, user: "/nonexistent" })).get("code");
    expect(profile).toMatchObject({
      auto_pr: true,
      repo_config: "instructions",
      claude: {
        permission_mode: "acceptEdits",
        allowed_tools: ["Bash", "Edit", "Write", "Read", "Glob", "Grep", "WebFetch", "Task", "TodoWrite"],
      },
    });
  });

  test("`review` has nothing but tools that read, and opens no pull request", async () => {
    const { profile } = (await loadProfiles({ bundled, user: "/nonexistent" })).get("review");
    expect(profile).toMatchObject({
      auto_pr: false,
      repo_config: "instructions",
      claude: { permission_mode: "default", tools: ["Read", "Glob", "Grep"], allowed_tools: ["Read", "Glob", "Grep"] },
    });
  });
});

describe("approvals", () => {
  test.each(["bypassPermissions", "dontAsk", "auto"])(
    "`approvals: ask` is an error with a remedy beside %s, in which nobody is asked",
    async (mode) => {
      const error = await errorOf(`approvals: ask\nclaude: {permission_mode: ${mode}}`);
      expect(error).toContain("/user/x/profile.yml: approvals: ask has no effect with permission_mode");
      using at = user({ "x/profile.yml": `approvals: ask\nclaude: {permission_mode: ${mode}}` });
      const profiles = await at.load();
      expect(() => profiles.get("x")).toThrow(
        expect.objectContaining({ code: "profile_invalid", remedy: expect.stringContaining("acceptEdits") }),
      );
    },
  );

  test("it does not help that the mode is a parent's, or the settings'", async () => {
    using at = user({
      "loose/profile.yml": "claude: {permission_mode: bypassPermissions}",
      "child/profile.yml": "extends: loose\napprovals: ask",
      "set/profile.yml": "approvals: ask",
      "set/.claude/settings.json": '{"permissions":{"defaultMode":"dontAsk"}}',
      "mended/profile.yml": "extends: child\nclaude: {permission_mode: default}",
    });
    const { summaries, get } = await at.load();
    const errors = Object.fromEntries(summaries.map(({ name, error }) => [name, error]));
    expect(errors).toMatchObject({
      child: expect.stringContaining("child/profile.yml: approvals: ask"),
      set: expect.stringContaining("in which nobody is asked and what is not allowed is denied"),
    });
    expect(errors["mended"]).toBeUndefined();
    expect(get("mended").profile).toMatchObject({ approvals: "ask", claude: { permission_mode: "default" } });
  });

  test("no bundled profile asks, and `review` has nothing that it could ask for", async () => {
    const { get } = await loadProfiles({ bundled, user: "/nonexistent" });
    for (const name of ["code", "review"]) expect(get(name).profile.approvals).toBe("none");
    expect(get("review").profile.claude.tools).toEqual(get("review").profile.claude.allowed_tools);
  });
});

describe("discovery", () => {
  test("places that do not exist are empty", async () => {
    expect((await loadProfiles({ bundled: "/nonexistent/a", user: "/nonexistent/b" })).summaries).toEqual([]);
  });

  test("a later place replaces a profile of the same name, and its summary says where it is from", async () => {
    using at = aPlace({
      "bundled/code/profile.yml": "description: bundled\nclaude: {model: opus}",
      "bundled/other/profile.yml": "",
      "hooks/code/profile.yml": "description: hooks",
      "user/code/profile.yml": "description: user",
    });
    const { summaries, get } = await at.load();
    expect(summaries.map(({ name, source }) => `${name} ${source}`)).toEqual(["code user", "other bundled"]);
    expect(get("code").profile.description).toBe("user");
    expect(get("code").profile.claude.model).toBeUndefined();
  });

  test("a folder with instructions or settings alone is a profile too; hidden, `_` and empty ones are not", async () => {
    using at = user({
      "a/CLAUDE.md": "Be brief.",
      "b/.claude/settings.json": "{}",
      "_base/profile.yml": "",
      ".git/profile.yml": "",
      "empty/readme.txt": "",
      "file.yml": "",
    });
    expect((await at.load()).summaries.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("a linked folder is a profile", async () => {
    using at = user({ "../elsewhere/profile.yml": "description: linked", "z/profile.yml": "" });
    symlinkSync(join(at.root, "elsewhere"), join(at.root, "user", "team"));
    expect((await at.load()).get("team").profile.description).toBe("linked");
  });

  test("the name in the file wins over the folder's", async () => {
    using at = user({ "folder/profile.yml": "name: proper" });
    expect((await at.load()).summaries.map(({ name }) => name)).toEqual(["proper"]);
  });

  test("summaries are what the API shows", async () => {
    using at = user({
      "x/profile.yml": "description: d\nclaude: {model: opus, max_turns: 3}",
      "y/profile.yml": "a: 1",
    });
    const { summaries } = await at.load();
    expect(summaries.map((one) => ProfileSummary.strict().parse(one))).toEqual(summaries);
    expect(summaries[0]).toEqual({
      name: "x",
      description: "d",
      model: "opus",
      max_turns: 3,
      permission_mode: "acceptEdits",
      auto_pr: true,
      source: "user",
    });
  });

  test("W-35: an unknown profile is never another one: the names that exist are told", async () => {
    using at = user({ "code/profile.yml": "", "review/profile.yml": "" });
    const { get } = await at.load();
    expect(() => get("revew")).toThrow('There is no profile "revew". There are: code, review.');
    expect(() => get("revew")).toThrow(expect.objectContaining({ code: "profile_not_found" }));
    expect(() => get("__proto__")).toThrow(/There is no profile/);
  });
});

describe("a broken profile is listed with its error and leaves the others alone", () => {
  test("W-39: a wrong key names its line and the nearest right one", async () => {
    expect(await errorOf("description: x\nclaude:\n  model: opus\n  max_turn: 5\n")).toBe(
      '/user/x/profile.yml, line 4: claude.max_turn: unknown key; the nearest is "max_turns"',
    );
    expect(await errorOf("descripton: x")).toContain('line 1: descripton: unknown key; the nearest is "description"');
  });

  test("a key of `claude` at the top says where it belongs", async () => {
    expect(await errorOf("auto_pr: true\nmodel: opus\n")).toContain(
      'line 2: model: unknown key; it belongs under "claude"',
    );
  });

  test("a key of `pr` is looked for there, and what cannot be a label, reviewer or title is an error", async () => {
    expect(await errorOf("pr:\n  drafts: true\n")).toContain('line 2: pr.drafts: unknown key; the nearest is "draft"');
    expect(await errorOf("labels: [bot]\n")).toContain('line 1: labels: unknown key; it belongs under "pr"');
    expect(await errorOf("pr:\n  reviewers: ['@ada']\n")).toContain("must be a login, or org/team");
    expect(await errorOf("pr:\n  title: Always the same\n")).toContain("must contain {title}");
  });

  test("a wrong value names its line, key and what is allowed", async () => {
    expect(await errorOf("claude:\n\n  permission_mode: yolo\n")).toMatch(
      /line 3: claude\.permission_mode: .*"acceptEdits"/,
    );
    expect(await errorOf("claude:\n  max_turns: many\n")).toMatch(/line 2: claude\.max_turns: .*expected number/);
    expect(await errorOf("claude:\n  tools:\n    - Read\n    - 7\n")).toMatch(/line 4: claude\.tools\.1: .*string/);
    expect(await errorOf("env:\n  GOOD: x\n  9BAD: y\n")).toMatch(/line 3: env\.9BAD: /);
  });

  test("every mistake is told at once", async () => {
    const error = await errorOf("auto_pr: maybe\nclaude:\n  effort: heroic\n");
    expect(error).toMatch(/line 1: auto_pr/);
    expect(error).toMatch(/line 3: claude\.effort/);
  });

  test("YAML that cannot be read names its line", async () => {
    expect(await errorOf("description: x\nclaude: [1,\n")).toMatch(/profile\.yml, line [23]: /);
    expect(await errorOf("a: 1\na: 2\n")).toMatch(/line 2: .*unique/);
    expect(await errorOf("- a\n- b\n")).toMatch(/line 1: .*expected object/);
    expect(await errorOf("just words")).toMatch(/expected object/);
  });

  test("a bomb of aliases is an error, not a full memory", async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`).join("\n");
    expect(await errorOf(`l0: &l0 [x]\n${levels}\n`)).toMatch(/alias|unknown key/i);
  });

  test("a file that is too large, or a folder in its place, is an error", async () => {
    expect(await errorOf(`description: ${"x".repeat(300_000)}`)).toContain("300013 bytes");
    using at = user({ "x/profile.yml/inside": "" });
    expect((await at.load()).summaries[0]?.error).toBeTruthy();
  });

  test("a name that cannot be a profile's is an error", async () => {
    using at = user({ "my profile/profile.yml": "" });
    expect((await at.load()).summaries[0]).toMatchObject({
      name: "my profile",
      error: expect.stringContaining("not a profile's name"),
    });
  });

  test.each([
    [".claude/settings.json", '{"permissions": {"deny": "Bash"}}', "permissions.deny: "],
    ["settings.overrides.json", '{"hooks": {"Stop": {"command": "x"}}}', "hooks.Stop: "],
    [".claude/settings.json", '{"env": {"A": 7}}', "env.A: "],
    [".claude/settings.json", '{"env": {"TOKEN": "geheim" "B": 1}}', "settings.json, line 1: is not JSON."],
    [".mcp.json", '{"mcpServers": {"x": {"url": 7}}}', 'the server "x" needs'],
  ])("W-39: a broken %s is told before any job: %s", async (file, text, error) => {
    using at = user({ "x/profile.yml": "description: d", [`x/${file}`]: text, "good/profile.yml": "" });
    const { summaries, get } = await at.load();
    expect(summaries.find(({ name }) => name === "x")?.error).toContain(error);
    expect(summaries.find(({ name }) => name === "x")?.error).not.toContain("geheim");
    expect(() => get("x")).toThrow(expect.objectContaining({ code: "profile_invalid" }));
    expect(get("good").name).toBe("good");
  });

  test("to use it is refused with the same error", async () => {
    using at = user({ "x/profile.yml": "claude: 7" });
    const { get } = await at.load();
    expect(() => get("x")).toThrow(expect.objectContaining({ code: "profile_invalid" }));
  });
});

describe("extends", () => {
  test("a parent's values show through, key by key; lists are replaced, `auto_pr` and text are inherited", async () => {
    using at = user({
      "base/profile.yml":
        "description: base\nauto_pr: false\nenv: {A: '1', B: '1'}\nclaude: {model: opus, max_turns: 5, tools: [Read, Bash]}",
      "child/profile.yml": "extends: base\nenv: {B: '2'}\nclaude: {max_turns: 9, tools: [Read]}",
    });
    const { profile, folders } = (await at.load()).get("child");
    expect(profile).toMatchObject({
      name: "child",
      description: "base",
      auto_pr: false,
      env: { A: "1", B: "2" },
      claude: { model: "opus", max_turns: 9, tools: ["Read"] },
    });
    expect(folders).toEqual([join(at.root, "user/base"), join(at.root, "user/child")]);
  });

  test("of several parents later ones win, and each counts once", async () => {
    using at = user({
      "root/profile.yml": "claude: {model: root, max_turns: 1}",
      "a/profile.yml": "extends: root\nclaude: {model: a}",
      "b/profile.yml": "extends: [root]\nclaude: {effort: low}",
      "child/profile.yml": "extends: [a, b]",
    });
    const { profile, folders } = (await at.load()).get("child");
    expect(profile.claude).toMatchObject({ model: "a", max_turns: 1, effort: "low" });
    expect(folders.map((folder) => folder.split("/").at(-1))).toEqual(["root", "a", "b", "child"]);
  });

  test("W-32: what a child says explicitly wins, also where it is what the default would be", async () => {
    using at = user({
      "base/profile.yml":
        "auto_pr: false\ngh: true\nrepo_config: none\nclaude: {model: opus, permission_mode: plan, disallowed_tools: [Bash], max_turns: 5}",
      "plain/profile.yml": "extends: base",
      "child/profile.yml":
        "extends: base\nauto_pr: true\ngh: false\nrepo_config: instructions\nclaude: {model: default, permission_mode: acceptEdits, disallowed_tools: [], max_turns: 80}",
    });
    const { get } = await at.load();
    expect(get("plain").profile).toMatchObject({
      auto_pr: false,
      gh: true,
      repo_config: "none",
      claude: { model: "opus", permission_mode: "plan", disallowed_tools: ["Bash"], max_turns: 5 },
    });
    expect(get("child").profile).toMatchObject({
      auto_pr: true,
      gh: false,
      repo_config: "instructions",
      claude: { model: "default", permission_mode: "acceptEdits", disallowed_tools: [], max_turns: 80 },
    });
  });

  test("parents are named as a list or with commas, and `null` takes a value of theirs away", async () => {
    using at = user({
      "a/profile.yml": "env: {A: a, B: a}\nclaude: {model: a, effort: low}",
      "b/profile.yml": "claude: {model: b, max_turns: 4}",
      "list/profile.yml": "extends: [a, b]",
      "chain/profile.yml": "extends: a,  b\nenv: {A: null}\nclaude: {effort: null}",
      "empty/profile.yml": "extends: a\nclaude:\nenv:\n",
    });
    const { get, summaries } = await at.load();
    expect(get("list").profile.claude).toMatchObject({ model: "b", effort: "low", max_turns: 4 });
    expect(get("chain").profile.claude).toMatchObject({ model: "b", max_turns: 4 });
    expect(get("chain").profile.claude.effort).toBeUndefined();
    expect(get("chain").profile.env).toEqual({ B: "a" });
    expect(get("empty").profile.claude).toMatchObject({ model: "a", effort: "low" });
    expect(summaries.find(({ name }) => name === "chain")?.extends).toBe("a,  b");
  });

  test("a profile that extends its own name builds on the one of an earlier place", async () => {
    using at = aPlace({
      "bundled/code/profile.yml": "claude: {model: opus, max_turns: 5}",
      "user/code/profile.yml": "extends: code\nclaude: {max_turns: 50}",
    });
    expect((await at.load()).get("code").profile.claude).toMatchObject({ model: "opus", max_turns: 50 });
  });

  test("W-33: an unknown parent, a broken one, and a circle make that profile invalid, and no other", async () => {
    using at = user({
      "a/profile.yml": "extends: b",
      "b/profile.yml": "extends: c",
      "c/profile.yml": "extends: a",
      "orphan/profile.yml": "extends: nobody",
      "self/profile.yml": "extends: self",
      "broken/profile.yml": "claude: 7",
      "heir/profile.yml": "extends: broken",
      "good/profile.yml": "",
    });
    const { summaries, get } = await at.load();
    const errors = Object.fromEntries(summaries.map(({ name, error }) => [name, error]));
    expect(errors["a"]).toContain("a -> b -> c -> a");
    expect(errors["orphan"]).toContain('"nobody", and there is no such profile; there are: a, b, broken,');
    expect(errors["self"]).toContain('"self"');
    expect(errors["heir"]).toContain("broken/profile.yml, line 1");
    expect(errors["good"]).toBeUndefined();
    expect(get("good").name).toBe("good");
  });
});
