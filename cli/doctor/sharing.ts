import { openSharedRoot } from "../../runner/shared-root.ts";
import type { Config } from "../../shared/config-keys.ts";
import { toAppError } from "../../shared/error.ts";
import { storeUrlOf } from "../open-store.ts";
import { broken, type Check, ok, warn } from "./check.ts";

/** The folder that runners share, where one is configured. */
export async function checkSharing(config: Config): Promise<Check[]> {
  const { sharedFsRoot } = config;
  if (sharedFsRoot === undefined) return [];
  try {
    const state = await openSharedRoot(sharedFsRoot);
    if (storeUrlOf(config) === undefined)
      return [
        warn(
          "shared folder",
          `${sharedFsRoot} without Redis or an API: nothing keeps runners of several machines apart.`,
          "Set REDIS_URL or AGENTICORE_URL, or unset AGENTICORE_SHARED_FS_ROOT where there is one machine.",
        ),
      ];
    return state === "known"
      ? [ok("shared folder", sharedFsRoot)]
      : [
          warn(
            "shared folder",
            `${sharedFsRoot} was empty until now.`,
            "See whether it is mounted, and run `agenticore init-shared-fs`.",
          ),
        ];
  } catch (thrown) {
    const { message, remedy } = toAppError(thrown);
    return [broken("shared folder", message, remedy)];
  }
}
