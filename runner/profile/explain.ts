import { join } from "node:path";
import type { Config } from "../../shared/config-keys.ts";
import { withoutPassword } from "../../shared/redact.ts";
import { claudeArguments } from "../claude/arguments.ts";
import { flagArguments } from "./claude-flags.ts";
import { isTree, type Tree } from "./deep-merge.ts";
import type { LoadedProfile } from "./extend.ts";
import { partsOf } from "./parts.ts";
import { instructionsOf, jsonOf, type Layer, mcpServersOf, settingsLayers, settingsOf } from "./profile-files.ts";
import { isSecretName } from "./server-secrets.ts";

type Value = Readonly<{ key: string; value: unknown; from: string }>;

/** What a profile means to a job, and where each of it comes from. Without secrets. */
export type Explained = Readonly<{
  name: string;
  source: string;
  description: string;
  /** Of `profile.yml`, with the defaults. */
  values: readonly Value[];
  /** Of Claude's settings. */
  settings: readonly Value[];
  instructions: readonly string[];
  mcp_servers: readonly Readonly<{ name: string; from: string }>[];
  parts: readonly Readonly<{ name: string; from: string }>[];
  /** Program first; in capitals what each job has of its own. */
  command: readonly string[];
  notes: readonly string[];
}>;

type Facts = Readonly<{
  config: Pick<Config, "claudeConfigDir" | "claudeTimeout" | "approvalTimeout">;
  /** Absolute path of Claude, or its name where it was not found. */
  program: string;
}>;

/** @throws AppError `profile_invalid`. */
export async function explain(loaded: LoadedProfile, { config, program }: Facts): Promise<Explained> {
  const { name, source, profile, flags, notes } = loaded;
  const [own, servers, instructions, parts] = await Promise.all([
    settingsLayers(loaded),
    mcpServersOf(loaded),
    instructionsOf(loaded),
    partsOf(loaded.folders),
  ]);
  const settings = [...(await personsLayer(config)), ...own];
  const argv = claudeArguments({
    ...{ profile, flags: flagArguments(flags), sessionId: "SESSION", start: "new", repoConfig: profile.repo_config },
    ...(servers.size === 0 ? {} : { mcpConfig: "JOB/claude/mcp.json" }),
    ...(profile.claude.max_budget_usd === undefined ? {} : { budgetUsd: profile.claude.max_budget_usd }),
  });
  return {
    ...{ name, source, description: profile.description },
    values: [...ownValues(loaded, settings), ...timeout(loaded, config), ...approvalTimeout(loaded, config)],
    settings: leavesOf(settingsOf(settings)).map((leaf) => shown(leaf, settings)),
    instructions: instructions.map(({ from }) => from),
    mcp_servers: [...servers].map(([server, { from }]) => ({ name: server, from })),
    parts: [...parts].map(([part, from]) => ({ name: part, from })),
    command: [program, ...argv],
    notes: [...notes, ...trust(loaded)],
  };
}

/** AGENTICORE_CLAUDE_CONFIG_DIR: below every profile. */
async function personsLayer({ claudeConfigDir }: Facts["config"]): Promise<Layer[]> {
  if (claudeConfigDir === undefined) return [];
  const from = join(claudeConfigDir, "settings.json");
  return [{ from, content: await jsonOf(from) }];
}

function ownValues({ profile, flags, layers }: LoadedProfile, settings: readonly Layer[]): Value[] {
  const { name, description, ...rest } = profile;
  return leavesOf({ ...rest, claude: { ...rest.claude, ...flags } }).map((leaf) => {
    const found = shown(leaf, layers);
    if (leaf[0] !== "claude.permission_mode" || found.from !== "default") return found;
    // Without one in a profile.yml the settings may have it.
    const from = originOf(["permissions.defaultMode", leaf[1]], settings);
    return { ...found, from };
  });
}

const timeout = ({ profile }: LoadedProfile, { claudeTimeout }: Facts["config"]): Value[] =>
  profile.claude.timeout === undefined
    ? [{ key: "claude.timeout", value: claudeTimeout, from: "claude.timeout of the configuration" }]
    : [];

const approvalTimeout = ({ profile }: LoadedProfile, config: Facts["config"]): Value[] =>
  profile.approvals === "ask" && profile.approval_timeout === undefined
    ? [{ key: "approval_timeout", value: config.approvalTimeout, from: "claude.approval_timeout of the configuration" }]
    : [];

const trust = ({ profile }: LoadedProfile): string[] =>
  profile.repo_config === "all"
    ? [
        "`repo_config: all` counts only for repositories that AGENTICORE_TRUSTED_REPOS names; for others it is `instructions`.",
      ]
    : [];

type Leaf = readonly [key: string, value: unknown];

const leavesOf = (tree: Tree, prefix = ""): Leaf[] =>
  Object.entries(tree).flatMap(([key, value]): Leaf[] => {
    if (value === undefined) return [];
    return isTree(value) ? leavesOf(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value]];
  });

const shown = ([key, value]: Leaf, layers: readonly Layer[]): Value => ({
  key,
  value: harmless(key, value),
  from: originOf([key, value], layers),
});

function harmless(key: string, value: unknown): unknown {
  if (/(^|\.)env\./.test(key) && isSecretName(key.split(".").at(-1) ?? "")) return "[secret]";
  return typeof value === "string" ? withoutPassword(value) : value;
}

/** The file that has the last word; a list to which several have added is from all of them. */
function originOf([key, value]: Leaf, layers: readonly Layer[]): string {
  const said = layers.flatMap(({ from, content }) => {
    const found = at(content, key);
    return found === undefined || found === null ? [] : [{ from, found }];
  });
  const last = said.at(-1);
  if (!last || !hasLastWord(key, layers)) return "default";
  return isSame(last.found, value) ? last.from : said.map(({ from }) => from).join(", ");
}

/** `null` in a later file takes the value away. */
const hasLastWord = (key: string, layers: readonly Layer[]): boolean =>
  layers.map(({ content }) => at(content, key)).findLast((found) => found !== undefined) !== null;

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A key may have dots of its own: `env` and hooks are named by others. */
function at(tree: Tree, key: string): unknown {
  if (Object.hasOwn(tree, key)) return tree[key];
  for (let dot = key.indexOf("."); dot !== -1; dot = key.indexOf(".", dot + 1)) {
    const inner = Object.hasOwn(tree, key.slice(0, dot)) ? tree[key.slice(0, dot)] : undefined;
    if (isTree(inner)) return at(inner, key.slice(dot + 1));
  }
  return undefined;
}
