import { statSync } from "node:fs";
import { readDisk } from "../../runner/disk.ts";
import type { Config } from "../../shared/config-keys.ts";
import { bytes } from "../amount.ts";
import { broken, type Check, ok } from "./check.ts";
import { nearestThere } from "./places.ts";

/** Each disk once. */
export async function checkDisk({ dataDir, reposRoot, worktreeRoot, diskLowWater }: Config): Promise<Check[]> {
  const folders = [dataDir, reposRoot, worktreeRoot].map(nearestThere);
  const one = [...new Map(folders.map((folder) => [statSync(folder).dev, folder])).values()];
  return Promise.all(
    one.map(async (folder) => {
      const { free_bytes, total_bytes, low } = await readDisk(folder, diskLowWater);
      const says = `${bytes(free_bytes)} of ${bytes(total_bytes)} free at ${folder}`;
      return low
        ? broken(
            "disk",
            `${says}: under the mark of ${diskLowWater}, so no job is taken.`,
            "Free space, or lower AGENTICORE_DISK_LOW_WATER.",
          )
        : ok("disk", says);
    }),
  );
}
