import type { Config } from "../../shared/config-keys.ts";
import { isTree } from "./deep-merge.ts";
import type { LoadedProfile } from "./extend.ts";
import { mcpServersOf, settingsLayers, settingsOf } from "./profile-files.ts";

type Around = Readonly<{
  config: Pick<Config, "claudeEnv">;
  surroundings: Readonly<Record<string, string | undefined>>;
}>;

/**
 * What a job's Claude is given and nobody else shall read: values of variables and headers that are named like secrets, in
 * the profile, its settings and its MCP servers, and in AGENTICORE_CLAUDE_ENV. To be taken out of all that is told.
 */
export async function profileSecrets(
  loaded: LoadedProfile,
  { config, surroundings }: Around,
): Promise<readonly string[]> {
  const [layers, servers] = await Promise.all([settingsLayers(loaded), mcpServersOf(loaded)]);
  const named = Object.fromEntries(config.claudeEnv.map((name) => [name, surroundings[name]]));
  const places = [named, loaded.profile.env, settingsOf(layers)["env"]];
  for (const { server } of servers.values()) places.push(server["env"], server["headers"]);
  const values = places.flatMap((place) => (isTree(place) ? Object.entries(place).flatMap(secretIn) : []));
  // Inside a JSON line a value stands in its escaped form.
  return [...new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))];
}

/** Whether a variable or header of this name holds what nobody shall read. */
export const isSecretName = (name: string): boolean =>
  /token|secret|passw|passphrase|key|credential|auth|cookie|dsn/i.test(name);

/** Without the scheme of `Bearer …`; `${VAR}` is filled in by Claude and stands for no value here. */
function secretIn([name, value]: readonly [string, unknown]): string[] {
  if (!isSecretName(name) || typeof value !== "string" || value.includes("${")) return [];
  return [value.replace(/^(?:Bearer|Basic|Token)\s+/i, "")];
}
