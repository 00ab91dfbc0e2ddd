import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { removeFolder } from "../remove-folder.ts";

export type Trash = Readonly<{
  /** Out of the way at once, by a rename into `folder` on the same disk; deleted behind the scenes. */
  discard: (path: string, folder: string) => Promise<void>;
  /** Deletes what an earlier process left in `folder`. */
  empty: (folder: string) => Promise<void>;
  /** Resolves when nothing is being deleted any more. */
  settled: () => Promise<void>;
}>;

/** Deleting a tree can cost as much as making it, so nobody waits for it. */
export function makeTrash(log: (sentence: string) => void): Trash {
  const busy = new Set<Promise<void>>();
  const remove = (path: string) => {
    const done = removeFolder(path)
      .catch((error: unknown) => log(`could not delete ${path}: ${String(error)}`))
      .finally(() => busy.delete(done));
    busy.add(done);
  };
  return {
    discard: async (path, folder) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const grave = join(folder, randomUUID());
      try {
        await rename(path, grave);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
        throw error;
      }
      remove(grave);
    },
    empty: async (folder) => {
      for (const name of await readdir(folder).catch(() => [])) remove(join(folder, name));
    },
    settled: async () => {
      while (busy.size > 0) await Promise.all(busy);
    },
  };
}
