import type { Key } from "../../shared/config-key.ts";
import { type ConfigName, configKeys } from "../../shared/config-keys.ts";
import { loadConfig } from "../../shared/load-config.node.ts";
import { withoutPassword } from "../../shared/redact.ts";
import { RouteRule } from "../../shared/route-rule.ts";
import { Secret } from "../../shared/secret.ts";
import { defineCommand } from "../command.ts";
import { table } from "../print.ts";

export const config = defineCommand<{ json?: true }>({
  takes: (command) => command.option("--json", "print JSON: one object per key with value, origin and variable"),
  examples: ["agenticore config", "agenticore config --json | jq '.\"server.port\"'"],
  run: async (cli, { json }) => {
    const loaded = await loadConfig(cli);
    const rows = Object.entries<Key>(configKeys).map(([name, key]) => ({
      key: key.yaml,
      value: masked(loaded.config[name as ConfigName]),
      origin: loaded.origins[name as ConfigName],
      env: key.env[0],
    }));
    if (json) {
      cli.print.json(Object.fromEntries(rows.map(({ key, ...rest }) => [key, rest])));
      return 0;
    }
    const { paint } = cli.print;
    const lines = rows.map(({ key, value, origin }) => [key, shown(value), origin]);
    cli.print.data(
      table([["KEY", "VALUE", "FROM"], ...lines], cli.print.width)
        .split("\n")
        .map((line, index) => (index === 0 ? paint.bold(line) : line.endsWith("default") ? paint.dim(line) : line))
        .join("\n"),
    );
    return 0;
  },
});

/** JSON leaves out what is undefined: an absent value is `null` here, so that each key is there; pairs are as a variable has them. */
function masked(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Secret) return String(value);
  if (typeof value === "string") return withoutPassword(value);
  if (Array.isArray(value)) return value.map((item) => (isRule(item) ? item : masked(item)));
  return typeof value === "object" && value !== null ? Object.entries(value).map((pair) => pair.join("=")) : value;
}

const isRule = (item: unknown): item is RouteRule => RouteRule.safeParse(item).success;

function shown(value: unknown): string {
  if (value === null) return "-";
  if (!Array.isArray(value)) return String(value);
  return value.map((item) => (isRule(item) ? JSON.stringify(item) : item)).join(",") || "-";
}
