import { accessSync, constants, existsSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../../shared/config-keys.ts";
import { broken, type Check, ok, warn } from "./check.ts";

/** The folders that a runner writes to: there or makeable, ours, and closed to others. */
export function checkFolders({ dataDir, reposRoot, worktreeRoot, jobsDir }: Config): Check[] {
  const wanted = [
    ["data folder", dataDir],
    ["repositories", reposRoot],
    ["worktrees", worktreeRoot],
    ["job files", jobsDir],
  ] as const;
  return wanted.map(([name, folder]) => checkFolder(name, folder));
}

function checkFolder(name: string, folder: string): Check {
  const found = nearestThere(folder);
  const mend = `Make ${folder} writable for this user, or name another folder (\`agenticore config\` shows where this one comes from).`;
  if (!statSync(found).isDirectory()) return broken(name, `${found} is no folder.`, mend);
  try {
    accessSync(found, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return broken(name, `${found} is not writable for this user.`, mend);
  }
  if (found !== folder) return ok(name, `${folder} (is made at the first start)`);
  return isOpen(statSync(folder))
    ? warn(name, `${folder} is open to other users of this machine.`, `chmod 700 ${folder}`)
    : ok(name, folder);
}

const isOpen = ({ mode }: Stats): boolean => (mode & 0o077) !== 0;
/** The folder, or the one above it that exists. */
export const nearestThere = (folder: string): string => (existsSync(folder) ? folder : nearestThere(dirname(folder)));
