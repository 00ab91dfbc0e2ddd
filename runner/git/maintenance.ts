import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { kindAt } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import { mirrorOf, type RepoPlace, vaultOf } from "./repo-place.ts";
import { listRecords } from "./tree-record.ts";

const manyPacks = 50;
const filesPerPack = 2;

/**
 * Packs what many small fetches brought, under the repository's lock, and never drops an object: trees may need it.
 * Where no job has a tree, the mirror's own objects go too: they are what ended jobs left.
 */
export async function tidyVault(box: RepoBox, place: RepoPlace, signal: AbortSignal): Promise<void> {
  await forgetMirrorObjects(box, place);
  const loose = await countIn(join(place.vault, "objects/17"));
  const packs = await countIn(join(place.vault, "objects/pack"));
  // One task a run: git 2.39 looks for packs once, so the second would not see those of the first.
  const tasks = [
    ...(loose > box.settings.packAbove ? ["loose-objects"] : []),
    ...(packs > manyPacks * filesPerPack ? ["incremental-repack"] : []),
  ];
  for (const task of tasks)
    await box.lock(vaultOf(place), async (lockFd) => {
      // Whoever made it is dead: this lock is only taken under ours.
      await rm(join(place.vault, "objects/maintenance.lock"), { force: true });
      const args = ["maintenance", "run", "--quiet", `--task=${task}`];
      await box.git({ place: { gitDir: place.vault }, args, signal, lockFd, timeoutMs: 30 * 60_000 });
    });
}

async function forgetMirrorObjects(box: RepoBox, place: RepoPlace): Promise<void> {
  if ((await kindAt(place.mirror)) !== "folder") return;
  await box.lock(mirrorOf(place), async () => {
    const pooled = new Set((await listRecords(place.pool)).map(({ admin }) => admin));
    const entries = await readdir(join(place.mirror, "worktrees")).catch(() => [""]);
    // A tree's entry is made under this lock, before anybody can write objects for it.
    if (entries.some((admin) => !pooled.has(admin))) return;
    const branches = await readdir(join(place.mirror, "refs/heads")).catch(() => [""]);
    if (branches.length > 0 || (await kindAt(join(place.mirror, "packed-refs"))) !== "nothing") return;
    const objects = join(place.mirror, "objects");
    for (const name of await readdir(objects))
      if (/^[0-9a-f]{2}$/.test(name)) await box.trash.discard(join(objects, name), join(place.home, ".trash"));
    for (const name of await readdir(join(objects, "pack"))) await rm(join(objects, "pack", name), { force: true });
  });
}

const countIn = async (folder: string): Promise<number> => (await readdir(folder).catch(() => [])).length;
