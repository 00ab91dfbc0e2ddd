import type { Served } from "./a-server.ts";
import type { World } from "./a-world.ts";

const configuredKey = "a-key-of-whoever-submits";

/** An API that asks for keys, and a runner elsewhere that has no more than the API's address and a key. */
export const throughApi = {
  api: { AGENTICORE_API_KEYS: configuredKey, AGENTICORE_API_KEY: configuredKey },
  runner: async (world: World, { url }: Pick<Served, "url">, args: readonly string[] = []) => ({
    ...{ AGENTICORE_URL: url, AGENTICORE_API_KEY: await aRunnerKey(world, args), AGENTICORE_API_KEYS: "" },
  }),
} as const;

/** Made by the command that an administrator uses, where the API runs. */
export async function aRunnerKey(world: World, args: readonly string[] = []): Promise<string> {
  const { code, stdout, stderr } = await world.cli(["keys", "create", "box", "--scope", "runner", ...args]);
  if (code !== 0) throw new Error(`keys create ended with ${code}: ${stderr}`);
  return stdout.trim();
}
