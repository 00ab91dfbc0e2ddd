import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RepoBox } from "./repo-box.ts";

/**
 * Takes away what git logged in with for a runner that was killed meanwhile: each has a folder by its process id. In a
 * container the next runner often has the same id, so of its own it keeps only what was written since it began; of
 * another living process, which may have got the id of a dead runner, what a git that is still allowed to run can need.
 */
export async function removeStaleLogins({ credentialsDir, settings, now }: RepoBox): Promise<void> {
  const all = dirname(credentialsDir);
  for (const pid of await readdir(all)) {
    const folder = join(all, pid);
    if (!isAlive(Number(pid))) {
      await rm(folder, { recursive: true, force: true });
      continue;
    }
    const since = Number(pid) === process.pid ? performance.timeOrigin : now() - 2 * settings.networkTimeoutMs;
    for (const file of await readdir(folder).catch(() => [])) {
      const written = await stat(join(folder, file)).catch(() => undefined);
      if (written && written.mtimeMs < since) await rm(join(folder, file), { force: true });
    }
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
