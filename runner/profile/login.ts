import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../shared/config-keys.ts";

/** How Claude will prove who pays: in this order (contract 6, CLAUDE_CODE_HOME_DIR). */
export type Login =
  | Readonly<{ kind: "oauth_token" | "api_key" | "bedrock" | "vertex" }>
  /** A person's `.credentials.json`: it is linked, never copied, since a refresh must reach all who use it. */
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
