import { mkdir, readFile, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../shared/error.ts";
import { fromJson } from "../shared/json.ts";

/** What runners that share a file system keep there: clone caches, trees that outlive a job, job files, conversations, the login. */
export const sharedFolders = ["repos", "worktrees", "jobs", "sessions", ".claude"] as const;

const markerName = ".agenticore-shared.json";
const Marker = z.object({ root: z.string() });

/**
 * Makes sure that the shared folder is at the same path as on the boxes that used it before: git's files in it name
 * each other by absolute paths. The first one writes down where that is.
 * @returns whether it was used before
 * @throws AppError `setup_failed` when it is elsewhere, is not there, or may not be written.
 */
export async function openSharedRoot(root: string): Promise<"known" | "new"> {
  try {
    const here = await realpath(root);
    const marker = join(here, markerName);
    const isNew = await writeFile(marker, `${JSON.stringify({ root: here })}\n`, { mode: 0o600, flag: "wx" }).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === "EEXIST" ? false : Promise.reject(error)),
    );
    if (isNew) return "new";
    const found = Marker.safeParse(fromJson(await readFile(marker, "utf8")));
    if (found.success && found.data.root === here) return "known";
    const elsewhere = found.success ? found.data.root : "an unknown path";
    throw new AppError("setup_failed", `The shared folder is ${here} here, and ${elsewhere} on other boxes.`, {
      remedy: `Mount it at the same path everywhere; if it has moved on all of them, delete ${marker} and its repos.`,
    });
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("setup_failed", `The shared folder ${root} cannot be used: ${(error as Error).message}`, {
      cause: error,
      remedy: "Check that it is mounted and belongs to this user, and run `agenticore init-shared-fs`.",
    });
  }
}

/** The same, with the folders in it, closed to others. */
export async function makeSharedRoot(root: string): Promise<readonly string[]> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  await openSharedRoot(root);
  const folders = sharedFolders.map((name) => join(root, name));
  for (const folder of folders) await mkdir(folder, { recursive: true, mode: 0o700 });
  return folders;
}
