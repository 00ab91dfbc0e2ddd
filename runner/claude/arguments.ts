import type { Profile } from "../../shared/profile.ts";

/** `new` begins the session, `resume` gives the task to an existing one, `continue` goes on after a lost attempt. */
export type Start = "new" | "resume" | "continue";

export type ArgumentFacts = Readonly<{
  profile: Profile;
  sessionId: string;
  start: Start;
  /** What of the repository's own configuration reaches Claude, after the check of trust. */
  repoConfig: Profile["repo_config"];
  mcpConfig?: string;
  /** Flags that the profile names beside ours. */
  flags?: readonly string[];
  /** What may still be spent, in US dollars. */
  budgetUsd?: number;
}>;

/** Claude's arguments. The task is never among them: it goes over stdin, where `ps` does not show it. */
export function claudeArguments(facts: ArgumentFacts): readonly string[] {
  const { profile, sessionId, start, repoConfig, mcpConfig, budgetUsd, flags = [] } = facts;
  const { claude } = profile;
  return [
    ...["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--replay-user-messages"],
    ...(start === "new" ? ["--session-id", sessionId] : ["--resume", sessionId]),
    ...["--permission-mode", claude.permission_mode],
    ...(profile.approvals === "ask" ? ["--permission-prompt-tool", "stdio"] : []),
    // Without this a repository's hooks and MCP servers start unasked in `-p` (measured).
    ...(repoConfig === "all"
      ? ["--setting-sources", "user,project,local"]
      : ["--setting-sources", "user", "--strict-mcp-config"]),
    ...one("--mcp-config", mcpConfig),
    ...one("--model", claude.model === "default" ? undefined : claude.model),
    ...one("--fallback-model", claude.fallback_model),
    ...one("--max-turns", claude.max_turns),
    ...one("--max-budget-usd", budgetUsd),
    ...one("--effort", claude.effort),
    ...one("--append-system-prompt", claude.append_system_prompt),
    ...flags,
    ...many("--tools", claude.tools),
    ...many("--allowedTools", claude.allowed_tools),
    ...many("--disallowedTools", claude.disallowed_tools),
  ];
}

/** With `=`, so that a value that begins with a dash stays a value. */
const one = (flag: string, value: string | number | undefined): string[] =>
  value === undefined ? [] : [`${flag}=${value}`];

/** One argument each: a rule such as `Bash(git log --format=%h,%s)` has commas and spaces of its own. */
const many = (flag: string, values: readonly string[] | undefined): string[] =>
  values === undefined || values.length === 0 ? [] : [flag, ...values];
