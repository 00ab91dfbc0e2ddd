import { lstat, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";

type Kind = "file" | "folder" | "other";

/**
 * What is at `path` (relative) below `root`: undefined for nothing, and for what can only be reached through a link, since
 * a repository may have links that lead out of it.
 */
export async function kindInside(root: string, path: string): Promise<Kind | undefined> {
  const parts = path.split("/");
  for (const [at] of parts.entries()) {
    const stats = await lstat(join(root, ...parts.slice(0, at + 1))).catch(() => undefined);
    if (stats === undefined) return undefined;
    const last = at === parts.length - 1;
    if (last) return stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other";
    if (!stats.isDirectory()) return undefined;
  }
  return undefined;
}

/** Makes the folder that `path` lies in. False where a link or a file is in the way. */
export async function folderFor(root: string, path: string): Promise<boolean> {
  const folder = dirname(path);
  if (folder === ".") return true;
  const parts = folder.split("/");
  for (const [at] of parts.entries()) {
    const part = join(root, ...parts.slice(0, at + 1));
    await mkdir(part).catch(() => undefined);
    if (!(await lstat(part).catch(() => undefined))?.isDirectory()) return false;
  }
  return true;
}
