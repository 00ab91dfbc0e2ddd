import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Config } from "../../shared/config-keys.ts";

/** How Claude will prove who pays: in this order (contract 6, CLAUDE_CODE_HOME_DIR). */
export type Login =
  | Readonly<{ kind: "oauth_token" | "api_key" | "bedrock" | "vertex" }>
  /** A person's `.credentials.json`, used where it is: see `storageOf`. */
  | Readonly<{ kind: "file"; path: string }>
  | Readonly<{ kind: "none"; lookedAt: string }>;

export type LoginFacts = Readonly<{
  /** The runner's variables with the profile's over them. */
  variables: Readonly<Record<string, string | undefined>>;
  config: Pick<Config, "claudeConfigDir" | "claudeHomeDir">;
}>;

export function findLogin({ variables, config }: LoginFacts): Login {
  if (variables["CLAUDE_CODE_OAUTH_TOKEN"]) return { kind: "oauth_token" };
  if (variables["ANTHROPIC_API_KEY"] || variables["ANTHROPIC_AUTH_TOKEN"]) return { kind: "api_key" };
  if (variables["CLAUDE_CODE_USE_BEDROCK"]) return { kind: "bedrock" };
  if (variables["CLAUDE_CODE_USE_VERTEX"]) return { kind: "vertex" };
  const path = join(config.claudeConfigDir ?? join(config.claudeHomeDir, ".claude"), ".credentials.json");
  return existsSync(path) ? { kind: "file", path } : { kind: "none", lookedAt: path };
}

/**
 * The folder that Claude is to use as its store of credentials, for a login in a file. Not a copy: a refresh makes the
 * old refresh token worthless, so it must reach all who use the login. Not a link in the job's folder either: a refresh
 * puts a file in its place, and the person is logged out (measured with 2.1.197 and 2.1.330). In the folder itself
 * the processes of all jobs, and the person's own, refresh once, under Claude's own lock (measured, three at once).
 */
export const storageOf = (login: Login): string | undefined =>
  login.kind === "file" ? dirname(login.path) : undefined;
