import { join } from "node:path";
import type { Config } from "../../shared/config-keys.ts";
import type { ProfilePlaces } from "./load-profiles.ts";

/** Where a runner of this configuration looks for profiles. */
export const profilePlaces = (
  { dataDir, agentihooksPath }: Pick<Config, "dataDir" | "agentihooksPath">,
  packageRoot: string,
): ProfilePlaces => ({
  bundled: join(packageRoot, "profiles"),
  user: join(dataDir, "profiles"),
  ...(agentihooksPath === undefined ? {} : { agentihooks: join(agentihooksPath, "profiles") }),
});
