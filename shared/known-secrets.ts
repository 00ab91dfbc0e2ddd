import { type Config, type ConfigName, configKeys } from "./config-keys.ts";
import { Secret } from "./secret.ts";

/** Variables that hold secrets and are no keys of ours: they pass through to Claude. */
const foreignSecrets = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_BEARER_TOKEN_BEDROCK",
] as const;

/** Every secret value that this process knows: what `redactor` takes out of logs and events. */
export function knownSecrets(config: Config, env: Readonly<Record<string, string | undefined>>): string[] {
  const ours = Object.keys(configKeys).flatMap<unknown>((name) => config[name as ConfigName] ?? []);
  const values = [
    ...ours.flatMap((value) => (value instanceof Secret ? [value.reveal()] : passwordsIn(value))),
    ...foreignSecrets.flatMap((name) => env[name] ?? []),
  ];
  // Inside a JSON line a value stands in its escaped form.
  return [...new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))];
}

/** That of an address, as it stands there and as it is sent: `redis://:PASSWORD@host`. */
function passwordsIn(value: unknown): string[] {
  const password = typeof value === "string" && URL.canParse(value) ? new URL(value).password : "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password]; // a `%` that stands for itself
  }
}
