import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ageOf, youngMs } from "./age.ts";
import { areFolders, kindAt } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import type { Held } from "./repo-lock.ts";
import { mirrorOf, type RepoPlace, vaultOf } from "./repo-place.ts";
import { isShared, poolsOf } from "./shared-repos.ts";
import { mirrorFolders } from "./skeleton.ts";
import { listRecords } from "./tree-record.ts";

const manyPacks = 50;
const filesPerPack = 2;

/**
 * Packs what many small fetches brought, under the repository's lock, and never drops an object of the vault: trees
 * may need it. The mirror is emptied where no job has a tree.
 */
export async function tidyRepository(box: RepoBox, place: RepoPlace, signal: AbortSignal): Promise<void> {
  await forgetEndedJobs(box, place);
  const loose = await countIn(join(place.vault, "objects/17"));
  const packs = await countIn(join(place.vault, "objects/pack"));
  // One task a run: git 2.39 looks for packs once, so the second would not see those of the first.
  const tasks = [
    ...(loose > box.settings.packAbove ? ["loose-objects"] : []),
    ...(packs > manyPacks * filesPerPack ? ["incremental-repack"] : []),
  ];
  for (const task of tasks) {
    const work = async ({ lockFd, signal }: Held) => {
      // Whoever made it is dead: this lock is only taken under ours.
      await rm(join(place.vault, "objects/maintenance.lock"), { force: true });
      const args = ["maintenance", "run", "--quiet", `--task=${task}`];
      await box.git({ place: { gitDir: place.vault }, args, signal, lockFd, timeoutMs: 30 * 60_000 });
    };
    await box.lock(vaultOf(place), work, signal);
  }
}

/**
 * Branches, tags and objects that agents made: nobody needs them once no job has a tree, and no later job sees them. That no
 * job has one our records say, for an agent that is at work can take its tree's entry away.
 */
async function forgetEndedJobs(box: RepoBox, place: RepoPlace): Promise<void> {
  if ((await kindAt(place.mirror)) !== "folder") return;
  await box.lock(mirrorOf(place), async ({ prove }) => {
    if ((await listRecords(place.trees)).length > 0) return;
    const pools = await poolsOf(place);
    const pooled = new Set((await Promise.all(pools.map(listRecords))).flat().map(({ admin }) => admin));
    const entries = await readdir(join(place.mirror, "worktrees")).catch(() => [""]);
    // A tree's entry is made, and a warm tree moved, under this lock before anybody can write for it.
    if (entries.some((admin) => !pooled.has(admin))) return;
    // What another box has just done there may not be seen here yet.
    const changing = isShared(place) ? [join(place.mirror, "worktrees"), ...pools] : [];
    if ((await Promise.all(changing.map((folder) => ageOf(box, folder)))).some((age) => age < youngMs)) return;
    // Behind a link that an agent left, it would be somebody else's files that go: the next start puts the folder back.
    if (!(await areFolders(place.mirror, mirrorFolders))) return;
    prove();
    const [refs, objects] = [join(place.mirror, "refs"), join(place.mirror, "objects")];
    for (const folder of [join(refs, "heads"), join(refs, "tags"), join(objects, "pack")])
      for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
    const others = (await readdir(refs)).filter((name) => name !== "heads" && name !== "tags");
    const loose = (await readdir(objects)).filter((name) => name !== "pack" && name !== "info");
    const gone = [...others.map((name) => join(refs, name)), ...loose.map((name) => join(objects, name))];
    for (const path of [...gone, ...["packed-refs", "logs"].map((name) => join(place.mirror, name))])
      await box.trash.discard(path, join(place.home, ".trash"));
  });
}

const countIn = async (folder: string): Promise<number> => (await readdir(folder).catch(() => [])).length;
