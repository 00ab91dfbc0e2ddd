import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { modelAccess } from "../../runner/broker/model-access.ts";
import { claudeVersion, compareVersions, findClaude, oldestTested } from "../../runner/claude/find-claude.ts";
import { findLogin } from "../../runner/profile/login.ts";
import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import type { CliContext } from "../context.ts";
import { broken, type Check, ok, warn } from "./check.ts";

const execute = promisify(execFile);

/** What the repository caches are made with (git-worktree(1), git-fetch(1)) is all there from this one on. */
const oldestGit = "2.36.0";
/** The one that every test runs on. */
const pinnedClaude = "2.1.330";

export async function checkGit({ env }: CliContext): Promise<Check> {
  const install = "Install git 2.36 or newer with the package manager of this system.";
  const version = await gitVersion(env["PATH"] ?? "");
  if (version === undefined) return broken("git", "git was not found in PATH.", install);
  return compareVersions(version, oldestGit) < 0
    ? broken("git", `git ${version} is too old.`, install)
    : ok("git", `git ${version}`);
}

export async function checkClaude({ env, cwd }: CliContext, { claudeBinary }: Config): Promise<Check> {
  try {
    const program = await findClaude({ binary: claudeBinary, path: env["PATH"] ?? "", cwd });
    const version = await claudeVersion(program);
    if (compareVersions(version, oldestTested) >= 0) return ok("claude", `Claude Code ${version} at ${program}`);
    return warn(
      "claude",
      `Claude Code ${version} is older than ${oldestTested}: jobs may not survive a crash or be resumed.`,
      `Update it: \`claude update\`. Agenticore is tested with ${pinnedClaude}.`,
    );
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return broken("claude", message, remedy);
  }
}

/** Where a login is, not whether the service takes it: that would cost a request. */
export function checkLogin({ env }: CliContext, config: Config): Check {
  const own = config.claudeCredentials.length;
  if (own > 0) return ok("login", `${own} of AGENTICORE_CLAUDE_CREDENTIALS`);
  const login = findLogin({ variables: env, config });
  const brokered = login.kind === "api_key" && modelAccess(env, config) ? ", which jobs do not see" : "";
  if (login.kind !== "none")
    return ok("login", login.kind === "file" ? `login in ${login.path}` : `${words[login.kind]}${brokered}`);
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

/** Undefined where git is not there or does not answer in time. */
async function gitVersion(path: string): Promise<string | undefined> {
  const found = await execute("git", ["--version"], { env: { PATH: path }, timeout: 10_000 }).catch(() => undefined);
  return found && /\d+\.\d+(?:\.\d+)*/.exec(found.stdout)?.[0];
}
