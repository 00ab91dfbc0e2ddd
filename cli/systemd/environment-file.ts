import type { Key } from "../../shared/config-key.ts";
import { configKeys } from "../../shared/config-keys.ts";

/** Variables that are none of ours and that a runner hands on. */
const foreign = [
  ...["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"],
  ...["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"],
];

/** What most runners set, and what it is. */
const hints: readonly (readonly [name: string, what: string])[] = [
  ["REDIS_URL", "the store: rediss://… or redis://… by TCP, https://… by HTTP; without it this machine's own"],
  ["REDIS_TOKEN", "its token, for HTTP"],
  ["AGENTICORE_URL", "instead of REDIS_URL: an Agenticore server, https://…, whose store it works with"],
  ["AGENTICORE_API_KEY", "its key there: `agenticore keys create NAME --scope runner`"],
  ["CLAUDE_CODE_OAUTH_TOKEN", "from `claude setup-token`; or ANTHROPIC_API_KEY"],
  ["GITHUB_TOKEN", "for fetch, push and pull requests"],
  ["AGENTICORE_POOLS", "pools whose jobs it takes"],
  ["AGENTICORE_MAX_PARALLEL_JOBS", "jobs at once"],
];

/** A file for EnvironmentFile= (systemd.exec(5)): what is set here and now, and what else is usual as comments. */
export function environmentText(env: Readonly<Record<string, string | undefined>>): string {
  const ours = [...Object.values<Key>(configKeys).flatMap((key) => [...key.env]), "AGENTICORE_CONFIG"];
  const names = [...hints.map(([name]) => name), ...ours, ...foreign];
  const lines = [...new Set(names)].flatMap((name) => {
    const value = env[name];
    const what = hints.find(([hinted]) => hinted === name)?.[1];
    const line = value ? [`${name}=${quoted(value)}`] : what === undefined ? [] : [`#${name}=`];
    return what === undefined ? line : [`# ${what}`, ...line];
  });
  return `# Variables of the Agenticore runner: \`agenticore config\` lists all.\n${lines.join("\n")}\n`;
}

const quoted = (value: string): string => `"${value.replace(/[\\"$`]/g, "\\$&")}"`;
