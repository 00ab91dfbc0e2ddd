import { type ApiClient, apiClient } from "../shared/client.ts";
import type { Config } from "../shared/config-keys.ts";
import { loadConfig } from "../shared/load-config.node.ts";
import type { CliContext } from "./context.ts";

/** A client of the server that the configuration names. No request is made yet. */
export async function connect(cli: CliContext): Promise<ApiClient> {
  const { config } = await loadConfig(cli);
  return clientOf(cli, config);
}

export function clientOf({ fetch, clock, print }: CliContext, config: Config): ApiClient {
  // The server of this machine has the same configuration, so each of its keys is ours.
  const apiKey = config.clientApiKey ?? (config.clientUrl === undefined ? config.apiKeys[0] : undefined);
  let told = "";
  const onPostponed = ({ message }: Error, ms: number) => {
    if (message !== told) print.note(`${message} Trying again in ${Math.ceil(ms / 1_000)} s.`);
    told = message;
  };
  return apiClient({ url: serverUrl(config), fetch, clock, onPostponed, ...(apiKey ? { apiKey } : {}) });
}

/** `AGENTICORE_URL`, else where `serve` on this machine listens. */
export function serverUrl({ clientUrl, host, port }: Pick<Config, "clientUrl" | "host" | "port">): string {
  if (clientUrl !== undefined) return clientUrl;
  // A server that listens on every address is reached on loopback.
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
