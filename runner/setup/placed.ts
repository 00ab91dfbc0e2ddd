import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** What we put into a job's worktree beside the repository's own: never part of its work. Paths are relative. */
export const Placed = z.object({
  /** Copies of the person's own files: they must not leave the box. */
  files: z.array(z.string()),
  /** What is in them, see `contentsOf`: they must not leave it under other names either. */
  contents: z.array(z.string()).optional(),
  /** Folders that the set-up made. */
  folders: z.array(z.string()),
  /** Those of them that were not there before it began: a set-up that was cut off has half of them. */
  made: z.array(z.string()).optional(),
  /** The set-up that was done to its end, see `doneKey`. */
  done: z.string().optional(),
});
export type Placed = z.infer<typeof Placed>;

export const nothingPlaced: Placed = { files: [], folders: [] };
const fileOf = (run: string): string => join(run, "placed.json");

/** Written before anything is placed: a crash in between leaves nothing that nobody knows of. */
export async function notePlaced(run: string, placed: Placed): Promise<void> {
  await writeFile(`${fileOf(run)}.new`, JSON.stringify(placed), { mode: 0o600 });
  await rename(`${fileOf(run)}.new`, fileOf(run));
}

export async function readPlaced(run: string): Promise<Placed> {
  try {
    return Placed.parse(JSON.parse(await readFile(fileOf(run), "utf8")));
  } catch {
    return nothingPlaced;
  }
}

/** A gitignore(5) file that keeps it all out of `git add`, also where the repository's own rules do not. */
export const excludesFor = ({ files, folders }: Placed): string =>
  [...files, ...folders].map((path) => `/${path.replaceAll(/[\\*?[\]!# ]/g, "\\$&")}\n`).join("");
