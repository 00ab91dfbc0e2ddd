import { lstat, readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Removes the `*.lock` files that a killed git left in a folder. Only for folders where no git can be alive.
 * Objects are not searched: they are many, and git never waits for a lock there.
 */
export async function removeLocks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== "objects") await removeLocks(path);
    else if (entry.name.endsWith(".lock") && !entry.isDirectory()) await rm(path, { force: true });
  }
}

/** Agents' git holds a lock of the mirror for milliseconds; one this old has no owner any more. */
const oldLockMs = 10_000;

/**
 * Looks at the lock file that git named in its message: true when it is in `folder`, to be tried again. Removed
 * once it is old. Call it with the repository's lock held, so that it is no lock of ours.
 */
export async function removeOldLock(stderr: string, folder: string, now: number): Promise<boolean> {
  const named = /Unable to create '([^'\n]+\.lock)'/.exec(stderr)?.[1];
  if (named === undefined || named.includes("/../")) return false;
  const path = await realpath(dirname(named)).catch(() => "");
  if (!`${path}/`.startsWith(`${folder}/`)) return false;
  const file = join(path, basename(named));
  const facts = await lstat(file).catch(() => undefined);
  if (facts && now - facts.mtimeMs > oldLockMs) await rm(file, { force: true });
  return true;
}
