import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type ClaudeFlags,
  flagArguments,
  flagAsker,
  flagMistake,
  readFlags,
} from "../../../runner/profile/claude-flags.ts";
import { parseProfileFile } from "../../../runner/profile/profile-file.ts";
import { claudeBinary } from "../../support/claude-cli.ts";

const asker = flagAsker({ binary: claudeBinary(), path: "", cwd: "/" });
let flags: ClaudeFlags;
beforeAll(async () => {
  flags = await asker();
});
const parsed = (text: string) => parseProfileFile("p/profile.yml", text, asker);
const errorOf = async (text: string) => (await parsed(text).catch((error: Error) => error)) as Error;

test("the flags of the installed Claude are read from its help, with what each takes", () => {
  expect(flags.get("--brief")).toBe("nothing");
  expect(flags.get("--system-prompt")).toBe("one");
  expect(flags.get("--prompt-suggestions")).toBe("perhaps");
  expect(flags.get("--add-dir")).toBe("many");
  expect(flags.get("--allowed-tools")).toBe("many");
  expect(flags.get("--no-such-thing")).toBeUndefined();
});

test("a flag with a value on the same line as its text, a short form, and a long one are read alike", () => {
  const help = [
    "Options:",
    "  -x, --short                 Text about --other things",
    "  --pair, --second <value>    Text",
    "      --not-a-flag            deeper than options stand",
    "  --list <items...>",
    "      More text",
  ].join("\n");
  expect([...readFlags(help)]).toEqual([
    ["--short", "nothing"],
    ["--pair", "one"],
    ["--second", "one"],
    ["--list", "many"],
  ]);
});

test("keys become flags as their value says: bare, with a value, or as a list; false and empty ones are none", () => {
  expect(
    flagArguments({
      brief: true,
      system_prompt: "-x y",
      add_dir: ["/a", "/b c"],
      betas: [],
      bare: false,
      name: "",
      agent: null,
    }),
  ).toEqual(["--brief", "--system-prompt=-x y", "--add-dir", "/a", "/b c"]);
});

describe("W-39: a key of `claude` that is none of ours", () => {
  test("is a flag where the installed Claude knows it", async () => {
    const { flags: found, content } = await parsed("claude:\n  model: opus\n  brief: true\n  add_dir: [/srv/docs]\n");
    expect(found).toEqual({ brief: true, add_dir: ["/srv/docs"] });
    expect(content["claude"]).toEqual({ model: "opus" });
  });

  test("is an error with its line and the nearest key where it does not", async () => {
    expect((await errorOf("claude:\n  model: opus\n  max_turn: 5\n")).message).toBe(
      'p/profile.yml, line 3: claude.max_turn: unknown key; the nearest is "max_turns"; Claude Code here has no --max-turn',
    );
  });

  test("is an error where its value is not what the flag takes", async () => {
    const { message } = await errorOf("claude:\n  brief: very\n  system_prompt: true\n  add_dir: [--worktree]\n");
    expect(message).toContain("line 2: claude.brief: Claude's --brief takes nothing: write `true`");
    expect(message).toContain("line 3: claude.system_prompt: Claude's --system-prompt takes a text or a number");
    expect(message).toContain("line 4: claude.add_dir: Claude's --add-dir takes a text or a list of texts");
  });

  test.each(["resume", "session_id", "settings", "mcp_config", "dangerously_skip_permissions", "tmux", "print"])(
    "is an error where the flag is Agenticore's own: %s",
    async (key) => {
      expect((await errorOf(`claude:\n  ${key}: true\n`)).message).toMatch(/line 2: .* is set by Agenticore itself/);
    },
  );

  test("is an error that says so where Claude cannot be asked", async () => {
    const nobody = flagAsker({ binary: "/nonexistent/claude", path: "", cwd: "/" });
    await expect(parseProfileFile("f", "claude: {brief: true}", nobody)).rejects.toThrow(
      /claude\.brief: unknown key; .* is not known: Claude Code was not found/,
    );
  });

  test("is not asked about where there is none", async () => {
    const asked: string[] = [];
    await parseProfileFile("f", "claude: {model: opus}", async () => {
      asked.push("help");
      return flags;
    });
    expect(asked).toEqual([]);
  });
});

test("no flag that `claude --help` tells of can be given a value that makes it something else", () => {
  for (const flag of flags.keys())
    expect(flagMistake([flag.slice(2), ["--worktree"]], flags, "unknown key"), flag).toBeTruthy();
});

test("another program in the place of the asked one is asked anew, and one that failed is asked again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "agenticore-flags-"));
  try {
    const program = join(folder, "claude");
    const put = (help: string) => writeFileSync(program, `#!/bin/sh\n${help}\n`, { mode: 0o755 });
    put("exit 1");
    const ask = flagAsker({ binary: program, path: "", cwd: "/" });
    await expect(ask()).rejects.toMatchObject({ code: "claude_not_found" });
    put("echo '  --one'");
    expect([...(await ask()).keys()]).toEqual(["--one"]);
    put("echo '  --one'; echo '  --second'");
    expect([...(await ask()).keys()]).toEqual(["--one", "--second"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
