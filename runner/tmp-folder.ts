import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Lease } from "../shared/store.ts";
import { removeFolder } from "./remove-folder.ts";

type Attempt = Pick<Lease, "job" | "fence">;

/** An attempt's own. Short, since programs make Unix sockets there, and their paths end at 107 characters (unix(7)). */
export const tmpFolder = (tmpRoot: string, { job, fence }: Attempt): string =>
  join(tmpRoot, `${prefixOf(job)}${fence}`);

/** Takes away this attempt's folder and those of earlier ones, which died; a later one's is somebody else's. */
export async function removeTmp(tmpRoot: string, { job, fence }: Attempt): Promise<void> {
  const prefix = prefixOf(job);
  const isOver = (rest: string) => /^\d+$/.test(rest) && Number(rest) <= fence;
  const names = await readdir(tmpRoot);
  const over = names.filter((name) => name.startsWith(prefix) && isOver(name.slice(prefix.length)));
  for (const name of over) await removeFolder(join(tmpRoot, name));
}

const prefixOf = (job: string): string => `agenticore-${job.slice(0, 13)}-`;
