import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ownPath } from "../../runner/claude/search-path.ts";
import { findLogin } from "../../runner/profile/login.ts";
import type { Config } from "../../shared/config-keys.ts";
import type { CliContext } from "../context.ts";
import { broken, type Check, ok, warn } from "./check.ts";

const execute = promisify(execFile);

/** What the repository caches are made with (git-worktree(1), git-fetch(1)) is all there from this one on. */
const oldestGit = "2.36.0";
/** The stories of crash, cancel and resume run on these two. */
const oldestClaude = "2.1.197";
const pinnedClaude = "2.1.330";

export async function checkGit({ env }: CliContext): Promise<Check> {
  const install = "Install git 2.36 or newer with the package manager of this system.";
  const version = await versionOf("git", env["PATH"] ?? "");
  if (version === undefined) return broken("git", "git was not found in PATH.", install);
  return isOlder(version, oldestGit)
    ? broken("git", `git ${version} is too old.`, install)
    : ok("git", `git ${version}`);
}

export async function checkClaude({ env, root }: CliContext, { claudeBinary }: Config): Promise<Check> {
  const version = await versionOf(claudeBinary, ownPath(env["PATH"] ?? "", root));
  if (version === undefined)
    return broken(
      "claude",
      `${claudeBinary} was not found or does not start.`,
      "Install Claude Code (`npm install --global @anthropic-ai/claude-code`), or set AGENTICORE_CLAUDE_BINARY to its path.",
    );
  if (isOlder(version, oldestClaude))
    return warn(
      "claude",
      `Claude Code ${version} is older than ${oldestClaude}: jobs may not survive a crash or be resumed.`,
      `Update it: \`claude update\`. Agenticore is tested with ${pinnedClaude}.`,
    );
  return ok("claude", `Claude Code ${version}`);
}

/** Where a login is, not whether the service takes it: that would cost a request. */
export function checkLogin({ env }: CliContext, config: Config): Check {
  const login = findLogin({ variables: env, config });
  if (login.kind !== "none") return ok("login", login.kind === "file" ? `login in ${login.path}` : words[login.kind]);
  return broken(
    "login",
    `Claude is not logged in: no variable is set and there is no ${login.lookedAt}.`,
    "Run `claude setup-token` and set CLAUDE_CODE_OAUTH_TOKEN, or set ANTHROPIC_API_KEY, or log in with `claude` as this user.",
  );
}

const words = {
  oauth_token: "CLAUDE_CODE_OAUTH_TOKEN",
  api_key: "API key",
  bedrock: "Amazon Bedrock",
  vertex: "Google Vertex",
} as const;

/** The first number of `--version`; undefined where the program is not there or does not answer in time. */
async function versionOf(program: string, path: string): Promise<string | undefined> {
  const found = await execute(program, ["--version"], { env: { PATH: path }, timeout: 10_000 }).catch(() => undefined);
  return found && /\d+\.\d+(?:\.\d+)*/.exec(found.stdout)?.[0];
}

export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number));
  const at = (b ?? []).findIndex((part, index) => part !== (a?.[index] ?? 0));
  return at >= 0 && (a?.[at] ?? 0) < (b?.[at] ?? 0);
}
