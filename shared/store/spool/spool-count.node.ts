import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Where what waits for the store lies. */
export const spoolFolders = (dataDir: string) => ({
  submissions: join(dataDir, "spool", "submissions"),
  endings: join(dataDir, "spool", "endings"),
});

/** How many wait there now; a folder that is not there, or cannot be read, holds none. */
export async function countSpool(dataDir: string): Promise<Readonly<{ submissions: number; endings: number }>> {
  const { submissions, endings } = spoolFolders(dataDir);
  const [jobs, ends] = await Promise.all([count(submissions), count(endings)]);
  return { submissions: jobs, endings: ends };
}

const count = async (folder: string): Promise<number> =>
  (await readdir(folder).catch(() => [])).filter((name) => /^[0-9a-f-]{36}(\.\d+)?\.json$/.test(name)).length;
