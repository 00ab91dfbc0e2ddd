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
by profile. One that cannot be used is listed with its error and leaves the others alone. \`agenticore profiles\` lists them.

| key of \`profile.yml\` | values | default | what it does |
|---|---|---|---|
${rows(properties).join("\n")}

A key that is not here is an error that names the nearest one. This page is made of the schema:
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
