import { randomUUID } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { kindAt, readPlainFile, restoreFile, restoreRepository } from "./guard.ts";
import type { RepoBox } from "./repo-box.ts";
import type { RepoPlace } from "./repo-place.ts";
import { formatOf, mirrorSkeleton, type ObjectFormat, viewSkeleton, writeSkeleton } from "./skeleton.ts";

type Tree = Readonly<{ path: string; admin: string }>;

export const gitFileOf = (place: RepoPlace, admin: string): string =>
  `gitdir: ${join(place.mirror, "worktrees", admin)}\n`;

/**
 * Before any command in a mirror: back to what we wrote. Makes our view of it where that is missing.
 * @returns what was found changed; also counted, so that trees which lived through it are not used again.
 */
export async function restoreMirror(box: RepoBox, place: RepoPlace, baseSha: string): Promise<readonly string[]> {
  const format = formatOf(baseSha);
  const skeleton = mirrorSkeleton(format, place.vault);
  const quarantine = (path: string) => box.trash.discard(path, join(place.home, ".trash"));
  const found = await restoreRepository(place.mirror, { skeleton, quarantine });
  if (found.length > 0) box.tampers.set(place.key, (box.tampers.get(place.key) ?? 0) + 1);
  for (const sentence of found) box.log(`mirror ${place.mirror}: ${sentence}`);
  await makeView(box, place, format);
  return found;
}

async function makeView(box: RepoBox, place: RepoPlace, format: ObjectFormat): Promise<void> {
  const skeleton = viewSkeleton(format, place.mirror, box.settings.checkoutWorkers);
  const there = await readPlainFile(join(place.view, "config"));
  if (there === skeleton.files["config"]) return;
  const fresh = `${place.view}.${randomUUID()}`;
  await writeSkeleton(fresh, skeleton);
  if (there !== undefined) await box.trash.discard(place.view, join(place.state, ".trash"));
  // Where another job was quicker the rename fails, and its view is as good.
  await rename(fresh, place.view).catch(() => rm(fresh, { recursive: true, force: true }));
}

/**
 * Before any command in a worktree that an agent worked in: its `.git` file and what git keeps about it say
 * again what we wrote. @returns what was found changed.
 */
export async function restoreTree(box: RepoBox, place: RepoPlace, { path, admin }: Tree): Promise<readonly string[]> {
  const folder = join(place.mirror, "worktrees", admin);
  const found = await Promise.all([
    restoreFile(join(path, ".git"), { name: ".git", text: gitFileOf(place, admin) }),
    restoreFile(join(folder, "commondir"), { name: "commondir", text: "../..\n" }),
    restoreFile(join(folder, "gitdir"), { name: "gitdir", text: `${join(path, ".git")}\n` }),
    ...["config.worktree", "config", "hooks", "info"].map(async (name) => {
      if ((await kindAt(join(folder, name))) === "nothing") return undefined;
      await box.trash.discard(join(folder, name), join(place.home, ".trash"));
      return `\`${name}\` of the worktree had appeared; it has been taken away`;
    }),
  ]);
  const told = found.filter((sentence) => sentence !== undefined);
  for (const sentence of told) box.log(`worktree ${path}: ${sentence}`);
  return told;
}

/** Whether the tree and what git knows of it are real folders, at the place that we gave them. */
export async function treeExists(place: RepoPlace, { path, admin }: Tree): Promise<boolean> {
  const kinds = await Promise.all([path, join(place.mirror, "worktrees", admin)].map(kindAt));
  return kinds.every((kind) => kind === "folder");
}

/**
 * Git's entry of a tree as if it were new: detached at `head`, unlocked, nothing of a merge, a rebase or a
 * bisection that was left. The index is the caller's to put back.
 */
export async function resetAdmin(
  box: RepoBox,
  place: RepoPlace,
  { admin, head }: Readonly<{ admin: string; head: string }>,
): Promise<void> {
  const folder = join(place.mirror, "worktrees", admin);
  for (const name of await readdir(folder)) {
    if (name === "commondir" || name === "gitdir" || name === "HEAD") continue;
    if ((await kindAt(join(folder, name))) === "folder")
      await box.trash.discard(join(folder, name), join(place.home, ".trash"));
    else await rm(join(folder, name), { force: true });
  }
  await restoreFile(join(folder, "HEAD"), { name: "HEAD", text: `${head}\n` });
}
