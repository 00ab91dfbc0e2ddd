import { stat } from "node:fs/promises";
import { execa } from "execa";
import { AppError } from "../../shared/error.ts";
import { type FindFacts, findClaude } from "../claude/find-claude.ts";
import type { Tree } from "./deep-merge.ts";

/** What a flag of Claude's takes. */
export type FlagKind = "nothing" | "one" | "perhaps" | "many";
/** By name, with the dashes. */
export type ClaudeFlags = ReadonlyMap<string, FlagKind>;

/** `claude.fork_session` is asked for as `--fork-session`. */
export const flagFor = (key: string): string => `--${key.replaceAll("_", "-")}`;

/** The flags that a `claude --help` tells of. */
export function readFlags(help: string): ClaudeFlags {
  const lines = help.split("\n").filter((line) => /^ {1,4}-/.test(line));
  return new Map(
    lines.flatMap((line) => {
      const [, names = "", value = ""] = /^\s+((?:-[\w-]+(?:, )?)+)\s?([<[][^>\]]*[>\]])?/.exec(line) ?? [];
      return names.match(/--[\w-]+/g)?.map((name) => [name, kindOf(value)] as const) ?? [];
    }),
  );
}

function kindOf(value: string): FlagKind {
  if (value === "") return "nothing";
  if (value.includes("...")) return "many";
  return value.startsWith("[") ? "perhaps" : "one";
}

/**
 * Asks the installed Claude for its flags; again only when another program lies there.
 * @throws AppError `claude_not_found`.
 */
export function flagAsker(where: FindFacts): () => Promise<ClaudeFlags> {
  let known: Readonly<{ program: string; flags: Promise<ClaudeFlags> }> | undefined;
  return async () => {
    const path = await findClaude(where);
    const { size, mtimeMs, ino } = await stat(path);
    const program = `${path} ${size} ${mtimeMs} ${ino}`;
    if (known?.program !== program) known = { program, flags: askFlags(path) };
    const { flags } = known;
    // A start that failed once may do better next time.
    flags.catch(() => {
      if (known?.flags === flags) known = undefined;
    });
    return flags;
  };
}

async function askFlags(program: string): Promise<ClaudeFlags> {
  const { stdout, failed, shortMessage } = await execa(program, ["--help"], {
    reject: false,
    timeout: 20_000,
    stdin: "ignore",
    extendEnv: false,
    env: {},
  });
  const flags = readFlags(stdout ?? "");
  if (!failed && flags.size > 0) return flags;
  const said = failed ? shortMessage : "its help names no flags";
  throw new AppError("claude_not_found", `${program} does not work as Claude Code: ${said}`);
}

/** What decides how Claude is run, talks to us or is found again: no matter of a profile's. */
const ownFlags: Readonly<Record<string, string>> = {
  "--print": "",
  "--version": "",
  "--help": "",
  "--input-format": "",
  "--output-format": "",
  "--verbose": "",
  "--replay-user-messages": "",
  "--include-partial-messages": "",
  "--session-id": "",
  "--resume": "",
  "--continue": "",
  "--fork-session": "",
  "--from-pr": "",
  "--no-session-persistence": "",
  "--worktree": "",
  "--tmux": "",
  "--bg": "",
  "--background": "",
  "--cloud": "",
  "--teleport": "",
  "--desktop": "",
  "--ide": "",
  "--environment": "",
  "--remote-control": "",
  "--permission-prompts": "",
  "--setting-sources": "`repo_config` says what of the repository counts",
  "--strict-mcp-config": "`repo_config` says what of the repository counts",
  "--settings": "settings lie in `.claude/settings.json` of the profile",
  "--mcp-config": "MCP servers lie in `.mcp.json` of the profile",
  "--dangerously-skip-permissions": "say `permission_mode: bypassPermissions`",
  "--allow-dangerously-skip-permissions": "say `permission_mode: bypassPermissions`",
};

/** Why this key of `claude` cannot be a flag; undefined where it can. One that is none is `unknown`. */
export function flagMistake(
  [key, value]: readonly [string, unknown],
  flags: ClaudeFlags,
  unknown: string,
): string | undefined {
  const flag = flagFor(key);
  if (Object.hasOwn(ownFlags, flag)) {
    const instead = ownFlags[flag];
    return `Claude's ${flag} is set by Agenticore itself${instead === "" ? "" : `: ${instead}`}`;
  }
  const kind = flags.get(flag);
  if (kind === undefined || !/^[a-z][a-z0-9_-]*$/.test(key)) return `${unknown}; Claude Code here has no ${flag}`;
  if (value === false || value === null || value === "") return undefined;
  return fits(value, kind) ? undefined : `Claude's ${flag} takes ${takes[kind]}`;
}

const takes = {
  nothing: "nothing: write `true`",
  one: "a text or a number",
  perhaps: "a text, a number or `true`",
  many: "a text or a list of texts, none with a dash at its beginning",
} as const satisfies Record<FlagKind, string>;

function fits(value: unknown, kind: FlagKind): boolean {
  const isOne = (typeof value === "string" && !value.includes("\0")) || typeof value === "number";
  if (kind === "nothing") return value === true;
  if (kind === "one") return isOne;
  if (kind === "perhaps") return isOne || value === true;
  const list = Array.isArray(value) ? value : [value];
  return list.every((item) => typeof item === "string" && !item.startsWith("-") && !item.includes("\0"));
}

/** The arguments for these keys of `claude`; `false`, empty and absent values give none. */
export const flagArguments = (keys: Tree): readonly string[] =>
  Object.entries(keys).flatMap(([key, value]) => {
    if (value === false || value === null || value === "") return [];
    if (value === true) return [flagFor(key)];
    return Array.isArray(value)
      ? value.length > 0
        ? [flagFor(key), ...value.map(String)]
        : []
      : [`${flagFor(key)}=${value}`];
  });
