import { randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Skeleton } from "./skeleton.ts";

type Ground = Readonly<{ skeleton: Skeleton; quarantine: (path: string) => Promise<void> }>;

/** Files and folders that change what git does and that a repository of ours never has. */
const foreign = [
  "commondir",
  "config.worktree",
  "gitdir",
  "shallow",
  "remotes",
  "branches",
  "refs/replace",
  "objects/info/http-alternates",
  "info/attributes",
  "info/exclude",
  "info/grafts",
  "info/sparse-checkout",
];

/**
 * Puts a bare repository of ours back to what we wrote: its configuration, HEAD and alternates from our
 * copy; hooks and everything that could run code or lead elsewhere is moved away.
 * @returns a sentence for each thing that was not as we left it: whoever had access tampered with it.
 */
export async function restoreRepository(folder: string, { skeleton, quarantine }: Ground): Promise<readonly string[]> {
  const folders: (string | undefined)[] = [];
  for (const name of skeleton.folders) folders.push(await restoreFolder(join(folder, name), name, quarantine));
  const found = await Promise.all([
    ...foreign.filter((name) => !(name in skeleton.files)).map((name) => banish(join(folder, name), name, quarantine)),
    ...(skeleton.files["objects/info/alternates"] === undefined
      ? [banish(join(folder, "objects/info/alternates"), "objects/info/alternates", quarantine)]
      : []),
    banishHooks(join(folder, "hooks"), quarantine),
    ...["objects", "objects/pack", "objects/info"].map((name) => banishLinks(folder, name, quarantine)),
  ]);
  const files = await Promise.all(
    Object.entries(skeleton.files).map(([name, text]) => restoreFile(join(folder, name), { name, text })),
  );
  return [...folders, ...found, ...files].filter((sentence) => sentence !== undefined);
}

/** A file with exactly this content, for us alone; a link in its place is replaced, not followed. */
export async function restoreFile(
  path: string,
  { name, text }: Readonly<{ name: string; text: string }>,
): Promise<string | undefined> {
  if ((await readPlainFile(path)) === text) return undefined;
  const fresh = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(fresh, text, { flag: "wx", mode: 0o600 });
  if ((await kindAt(path)) === "folder") await rm(path, { recursive: true, force: true });
  await rename(fresh, path);
  return `\`${name}\` was changed; it has been put back`;
}

/** The content of a regular file of at most 64 KiB; undefined for anything else, links too. */
export async function readPlainFile(path: string): Promise<string | undefined> {
  const facts = await lstat(path).catch(() => undefined);
  if (!facts?.isFile() || facts.size > 64 * 1024) return undefined;
  return await readFile(path, "utf8").catch(() => undefined);
}

async function restoreFolder(path: string, name: string, quarantine: Ground["quarantine"]) {
  const kind = await kindAt(path);
  if (kind === "folder") return undefined;
  if (kind !== "nothing") await quarantine(path);
  await mkdir(path, { recursive: true });
  return `\`${name}\` was ${kind === "nothing" ? "missing" : "replaced"}; it has been made anew`;
}

async function banish(path: string, name: string, quarantine: Ground["quarantine"]) {
  if ((await kindAt(path)) === "nothing") return undefined;
  await quarantine(path);
  return `\`${name}\` had appeared; it has been taken away`;
}

async function banishHooks(path: string, quarantine: Ground["quarantine"]) {
  if ((await kindAt(path)) === "nothing") return undefined;
  const names = await readdir(path).catch(() => [""]);
  if (names.length === 0) return undefined;
  await quarantine(path);
  return "hooks had appeared; they have been taken away";
}

/** By a link the objects of another repository, which the agent cannot read itself, would be pushed as this one's. */
async function banishLinks(folder: string, name: string, quarantine: Ground["quarantine"]) {
  const entries = await readdir(join(folder, name), { withFileTypes: true }).catch(() => []);
  const links = entries.filter((entry) => entry.isSymbolicLink());
  for (const link of links) await quarantine(join(folder, name, link.name));
  return links.length === 0
    ? undefined
    : `${links.length} links had appeared in \`${name}\`; they have been taken away`;
}

/** Whether all of these below `folder` are folders, none of them a link. */
export async function areFolders(folder: string, names: readonly string[]): Promise<boolean> {
  const kinds = await Promise.all(names.map((name) => kindAt(join(folder, name))));
  return kinds.every((kind) => kind === "folder");
}

export async function kindAt(path: string): Promise<"nothing" | "folder" | "file" | "other"> {
  const facts = await lstat(path).catch(() => undefined);
  if (!facts) return "nothing";
  if (facts.isDirectory()) return "folder";
  return facts.isFile() ? "file" : "other";
}
