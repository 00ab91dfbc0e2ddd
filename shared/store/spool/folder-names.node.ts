import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { isCode } from "../../durable-file.node.ts";

/**
 * A change leaves its time at the folder; two within one step of the file system's clock leave the same (ext4: 4 ms,
 * others up to 2 s), so a younger one says nothing of the next.
 */
const settledMs = 3_000;

/**
 * The names in a folder, none where it is not there. One that has not changed is not read again: each list of jobs asks,
 * and for weeks there is nothing. `now` is wall-clock time, as the file system's.
 */
export function folderNames(now: () => number): (folder: string) => Promise<readonly string[]> {
  const read = new Map<string, Readonly<{ changed: bigint; names: readonly string[] }>>();
  return async (folder) => {
    // Not in another thread, which takes ten times as long to tell, and throws where there is nothing.
    const found = statSync(folder, { bigint: true, throwIfNoEntry: false });
    if (!found) return [];
    const known = read.get(folder);
    if (known?.changed === found.mtimeNs) return known.names;
    // The time is from before the names: what comes meanwhile leaves another.
    const isSettled = now() - Number(found.mtimeMs) > settledMs;
    const names = (await readdir(folder).catch(absent)) ?? [];
    if (isSettled) read.set(folder, { changed: found.mtimeNs, names });
    else read.delete(folder);
    return names;
  };
}

function absent(error: unknown): undefined {
  if (!isCode(error, "ENOENT")) throw error;
}
