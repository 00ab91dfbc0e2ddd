import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RepoPlace } from "./repo-place.ts";

/** Whether other machines write to this repository's folders too. */
export const isShared = ({ pools }: RepoPlace): boolean => pools !== undefined;

/** The folders of records of warm trees: this box's, and those of the others that use the mirror. */
export async function poolsOf({ pool, pools }: RepoPlace): Promise<readonly string[]> {
  if (pools === undefined) return [pool];
  const names = await readdir(pools).catch(() => []);
  return names.map((name) => join(pools, name));
}

/**
 * The name of the pool whose trees lie below `worktreeRoot`: made once, kept there. So boxes with a disk of their own
 * have a pool each, and those whose trees are on the shared disk have one together.
 */
export async function poolName(worktreeRoot: string): Promise<string> {
  const file = join(worktreeRoot, ".pool-name");
  const fresh = `${file}.${randomUUID()}`;
  await writeFile(fresh, randomUUID(), { mode: 0o600, flag: "wx" });
  // Whole or not at all, and never over another's: link(2).
  await link(fresh, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(fresh);
  const name = await readFile(file, "utf8");
  if (!/^[0-9a-f-]{36}$/.test(name)) throw new Error(`${file} does not hold the name of a pool`);
  return name;
}

/**
 * Makes this box see what others made in a folder. A network file system answers for half a minute from memory, also that
 * something is not there (nfs(5), attribute caching); a change of one's own brings back how the folder is.
 */
export async function lookAfresh(folder: string): Promise<void> {
  const file = join(folder, `.look-${randomUUID()}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, "", { flag: "wx" });
  await rm(file);
}
