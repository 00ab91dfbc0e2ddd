import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { kindAt } from "./guard.ts";
import { type RepoPlace, repoPlace } from "./repo-place.ts";

/** Which repositories have a mirror here. Kept in our own folder, which no agent reaches. */
export type WarmList = Readonly<{
  /** This job's repository was just used; `address` is its canonical one, as the job names it. */
  used(place: RepoPlace, address: string): Promise<void>;
  /** Canonical addresses, most recently used first. */
  list(): readonly string[];
}>;

/** `{state}/used.json`: under which addresses jobs named this repository; the file's time is the last use. */
const Used = z.object({ addresses: z.array(z.string()).max(50) });
const fileOf = ({ state }: RepoPlace) => join(state, "used.json");
/** A repository of this machine may be named by many paths: the last ones are kept. */
const keptAddresses = 5;

type Roots = Readonly<{ reposRoot: string; stateDir: string; now: () => number }>;

/** Reads what earlier processes noted. Other processes on this box may use the same folders: each learns by its own jobs. */
export async function openWarmList({ now, ...roots }: Roots): Promise<WarmList> {
  const keys = (await readdir(roots.stateDir)).filter((name) => /^[0-9a-f]{12}$/.test(name));
  const found = (await Promise.all(keys.map((key) => readUsed(repoPlace(key, roots))))).flatMap((known) => known ?? []);
  /** In the order of their use, the latest last. */
  const addresses = new Map<string, string>();
  for (const { key, names } of found.toSorted((a, b) => a.usedAt - b.usedAt))
    for (const name of names) addresses.set(name, key);

  return {
    used: async (place, address) => {
      const isKnown = addresses.delete(address);
      addresses.set(address, place.key);
      const names = [...addresses].flatMap(([name, key]) => (key === place.key ? [name] : []));
      // Only what is warm anew needs to be written; of the others the time is enough.
      if (!isKnown || !(await touch(fileOf(place), now()))) await writeUsed(place, names.slice(-keptAddresses), now());
    },
    list: () => [...addresses.keys()].reverse(),
  };
}

async function readUsed(place: RepoPlace) {
  try {
    const { addresses } = Used.parse(JSON.parse(await readFile(fileOf(place), "utf8")));
    const { mtimeMs } = await stat(fileOf(place));
    return (await kindAt(place.vault)) === "folder" ? { key: place.key, names: addresses, usedAt: mtimeMs } : undefined;
  } catch {
    return undefined; // nothing noted, or nothing that can be read: then it is not known to be warm
  }
}

/** False where there is no such file. */
const touch = (file: string, ms: number): Promise<boolean> =>
  utimes(file, ms / 1_000, ms / 1_000).then(
    () => true,
    () => false,
  );

async function writeUsed(place: RepoPlace, addresses: readonly string[], ms: number): Promise<void> {
  await mkdir(place.state, { recursive: true, mode: 0o700 });
  // Jobs of one repository may begin at once.
  const fresh = `${fileOf(place)}.${randomUUID()}`;
  await writeFile(fresh, JSON.stringify({ addresses }), { mode: 0o600 });
  await touch(fresh, ms);
  await rename(fresh, fileOf(place));
}
