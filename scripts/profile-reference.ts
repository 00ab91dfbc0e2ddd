import { z } from "zod";
import { Profile } from "../shared/profile.ts";

type Property = Readonly<{
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  type?: string;
  anyOf?: readonly Property[];
  minimum?: number;
  maximum?: number;
  properties?: Readonly<Record<string, Property>>;
}>;

/** The keys of a `profile.yml`, as a page. */
export function profileReference(): string {
  const { properties = {} } = z.toJSONSchema(Profile, { io: "input" }) as Property;
  return `# Profiles

How Claude is run. A profile is a folder with any of \`profile.yml\`, \`CLAUDE.md\` and \`.claude/\` (settings, agents, skills,
commands, rules, hooks) and \`.mcp.json\`. They are looked for in the package (\`code\` and \`review\`), then in
\`{AGENTICORE_AGENTIHOOKS_PATH}/profiles\`, then in \`profiles/\` of the data folder (\`~/.agenticore/profiles\`); a later place wins over an earlier one, profile
by profile. One that cannot be used is listed with its error and leaves the others alone. \`agenticore profiles\` lists them;
\`agenticore profiles show NAME\` tells each effective value of one with the file that it is from, and Claude's whole command line.

| key of \`profile.yml\` | values | default | what it does |
|---|---|---|---|
${rows(properties).join("\n")}

A key that is not here is an error that names file, line and the nearest right one. Only below \`claude\` there may be others: one that
is a flag of the installed Claude Code (by its \`--help\`) is given to it, \`add_dir: [/srv/docs]\` as \`--add-dir /srv/docs\`; \`true\` is
the bare flag, \`false\`, \`null\` and empty are none. Flags that Agenticore sets itself are refused. What agentihooks reads in
the same file (\`mcp_categories\`, \`otel\`, \`allowedOverlays\`), and \`claude.worktree\`, \`.output_format\` and \`.no_session_persistence\`,
have no effect.

## The files beside it

| file | what becomes of it |
|---|---|
| \`CLAUDE.md\`, else \`.claude/CLAUDE.md\` | Those of all parents, then the profile's own. |
| \`.claude/settings.json\`, \`settings.overrides.json\`, \`.claude/settings.overrides.json\` | Merged in this order over those of the parents. The child's value wins; but hooks, and the lists that forbid or ask (\`permissions.deny\`, \`permissions.ask\`, \`disabled…\`, \`sandbox.….deny…\`), keep what the parents have. |
| \`.mcp.json\`, \`.claude/.mcp.json\` | MCP servers by name; a child's replaces its parent's. Claude fills in \`\${VAR}\` from the job's environment. Their tools need a permission rule, as \`mcp__NAME\`. |
| \`.claude/agents\`, \`skills\`, \`commands\`, \`rules\`, \`hooks\` and others | Copied, a child's file over its parent's; links as what they point to. A hook finds its script as \`"$CLAUDE_CONFIG_DIR/hooks/…"\`. |

All of it is laid out for each job anew, in a folder that only this job has; the worktree and the clone stay clean. A file that
cannot be read, or that Claude would leave out without a word, makes the profile invalid: with one wrong value Claude leaves out all settings, rules that
deny too, so settings with more than permissions, hooks and variables are shown to \`claude doctor\` first.

Each runner has the profiles of its own machine and tells the store of them, so every server lists and knows them. Where only some of a pool's
runners have a profile, its jobs wait for one of those (and do not count against the limit of the pool); a profile of the same name is taken for the same
everywhere.

Profiles of agentihooks are used as they are, in all of its four layouts, also without a \`profile.yml\`. There, and wherever a
\`_base\` folder lies beside the profiles, its \`settings.base.json\` lies below each profile's settings. In files of agentihooks
\`/app\` at the beginning of a path is the folder in \`AGENTICORE_AGENTIHOOKS_PATH\`, and \`__PYTHON__\` is \`python3\`.

This page is made of the schema:
\`node scripts/reference.ts\` writes it.
`;
}

const rows = (properties: Readonly<Record<string, Property>>, prefix = ""): string[] =>
  Object.entries(properties).flatMap(([name, property]) =>
    property.properties
      ? rows(property.properties, `${prefix}${name}.`)
      : [`| \`${prefix}${name}\` | ${valuesOf(property)} | ${defaultOf(property)} | ${property.description ?? ""} |`],
  );

function valuesOf({ enum: choices, type, anyOf, minimum, maximum }: Property): string {
  if (choices) return choices.map((choice) => `\`${choice}\``).join(", ");
  if (anyOf) return anyOf.map(valuesOf).join(" or ");
  const words: Readonly<Record<string, string>> = {
    array: "list",
    object: "mapping",
    integer: "whole number",
    string: "text",
  };
  const range = minimum === undefined || maximum === undefined ? "" : `, ${minimum} to ${maximum}`;
  return `${words[type ?? ""] ?? type ?? ""}${range}`;
}

const defaultOf = ({ default: value }: Property): string =>
  value === undefined || JSON.stringify(value).length <= 2 ? "none" : `\`${String(value)}\``;
