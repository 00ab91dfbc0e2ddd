import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Where what waits for the store lies. */
export const spoolFolders = (dataDir: string) => ({
  submissions: join(dataDir, "spool", "submissions"),
  endings: join(dataDir, "spool", "endings"),
});

export type SpoolCount = Readonly<{
  submissions: number;
  endings: number;
  /** Files that could not be read and were set aside. */
  broken: number;
}>;

/** How many wait there now; a folder that is not there, or cannot be read, holds none. */
export async function countSpool(dataDir: string): Promise<SpoolCount> {
  const { submissions, endings } = spoolFolders(dataDir);
  const [jobs, ends] = await Promise.all([names(submissions), names(endings)]);
  return {
    submissions: count(jobs, /^[0-9a-f-]{36}\.json$/),
    endings: count(ends, /^[0-9a-f-]{36}\.\d+\.json$/),
    broken: count([...jobs, ...ends], /\.broken$/),
  };
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
const count = (all: readonly string[], kind: RegExp): number => all.filter((name) => kind.test(name)).length;
