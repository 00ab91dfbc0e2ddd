import type { Config } from "../../shared/config-keys.ts";
import { isTree } from "./deep-merge.ts";
import type { LoadedProfile } from "./extend.ts";
import { mcpServersOf, settingsLayers, settingsOf } from "./profile-files.ts";
import { isSecretName, serverSecrets } from "./server-secrets.ts";

type Around = Readonly<{
  config: Pick<Config, "claudeEnv">;
  surroundings: Readonly<Record<string, string | undefined>>;
}>;

/**
 * What a job's Claude is given and nobody else shall read: values of variables that are named like secrets, in the profile,
 * its settings and AGENTICORE_CLAUDE_ENV, and what is secret of its MCP servers. To be taken out of all that is told.
 */
export async function profileSecrets(
  loaded: LoadedProfile,
  { config, surroundings }: Around,
): Promise<readonly string[]> {
  const [layers, servers] = await Promise.all([settingsLayers(loaded), mcpServersOf(loaded)]);
  const named = Object.fromEntries(config.claudeEnv.map((name) => [name, surroundings[name]]));
  const settings = settingsOf(layers)["env"];
  const places = [named, loaded.profile.env, isTree(settings) ? settings : {}];
  const variables = Object.assign({}, ...places) as Readonly<Record<string, unknown>>;
  const values = [
    ...places.flatMap((place) => Object.entries(place).flatMap(secretIn)),
    ...[...servers.values()].flatMap(({ server }) => serverSecrets(server, variables)),
  ].filter((value) => !value.includes("${"));
  // Inside a JSON line a value stands in its escaped form.
  return [...new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))];
}

const secretIn = ([name, value]: readonly [string, unknown]): string[] =>
  isSecretName(name) && typeof value === "string" ? [value.replace(/^(?:Bearer|Basic|Token)\s+/i, "")] : [];
