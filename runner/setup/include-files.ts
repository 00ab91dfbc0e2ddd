import { constants, copyFile, lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import picomatch from "picomatch";
import { contentsOf } from "../git/lent.ts";
import { folderFor, kindInside } from "./inside.ts";

export type Included = Readonly<{ files: readonly string[]; warnings: readonly string[] }>;

const list = ".worktreeinclude";
const mostFiles = 1_000;
const mostBytes = 100 * 1024 * 1024;
/** Of the person's folder: one that is larger is not searched to its end. */
const mostSeen = 200_000;

/**
 * Copies what the `.worktreeinclude` in the person's own folder names (patterns as in a .gitignore) into the worktree:
 * files that git does not have, such as `.env`. Links are neither followed nor copied, and nothing is overwritten.
 * `note` is told of all of them, and of what is in them, before the first is copied.
 */
export async function includeFiles(
  folder: string,
  worktree: string,
  note: (files: readonly string[], contents: readonly string[]) => Promise<void>,
): Promise<Included> {
  const text = await plainText(join(folder, list));
  if (text === undefined) return { files: [], warnings: [] };
  const { found, warnings } = await search(folder, matcher(text));
  const missing: string[] = [];
  for (const path of found) if ((await kindInside(worktree, path)) === undefined) missing.push(path);
  const contents = [];
  for (const path of missing) contents.push(...contentsOf(await readFile(join(folder, path))));
  await note(missing, contents);
  const files: string[] = [];
  for (const path of missing) {
    if (!(await folderFor(worktree, path))) continue; // the repository has a link or a file there
    // COPYFILE_EXCL does not follow a link that is there: open(2), O_EXCL.
    await copyFile(join(folder, path), join(worktree, path), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    files.push(path);
  }
  return { files, warnings };
}

async function search(folder: string, wanted: Wanted) {
  const found: string[] = [];
  const warnings: string[] = [];
  let bytes = 0;
  for await (const { path, isLink } of walk(folder, wanted)) {
    if (isLink) {
      warnings.push(`${list} names ${path}, which is a link: it was not copied.`);
      continue;
    }
    bytes += (await lstat(join(folder, path))).size;
    if (found.length < mostFiles && bytes <= mostBytes) found.push(path);
    else
      return {
        found,
        warnings: [...warnings, `${list} names more than 1,000 files or 100 MiB: the rest was not copied.`],
      };
  }
  return { found, warnings };
}

async function plainText(path: string): Promise<string | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isFile() && stats.size <= 64 * 1024 ? await readFile(path, "utf8") : undefined;
}

type Wanted = Readonly<{ file: (path: string) => boolean; below: (folder: string) => boolean }>;

/** The rules of gitignore(5): the last pattern that fits decides, `!` takes back, `/` inside anchors, `/` at the end means a folder. */
function matcher(text: string): Wanted {
  const rules = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const taken = !line.startsWith("!");
      const bare = line.replace(/^!/, "").replace(/^\.\//, "");
      const anchored = bare.replace(/\/$/, "").includes("/");
      const core = bare.replace(/^\/|\/$/g, "");
      const glob = anchored ? core : `**/${core}`;
      const globs = bare.endsWith("/") ? [`${glob}/**`] : [glob, `${glob}/**`];
      return { taken, anchored: anchored ? core : undefined, fits: picomatch(globs, { dot: true, nonegate: true }) };
    });
  const heads = rules.flatMap(({ taken, anchored }) => (taken ? [anchored] : []));
  return {
    file: (path) => rules.findLast(({ fits }) => fits(path))?.taken ?? false,
    // Only folders that an anchored pattern can lead to, where all are anchored.
    below: (folder) =>
      heads.some((head) => head === undefined || leads(head, folder)) &&
      (!/(^|\/)node_modules$/.test(folder) || heads.some((head) => head?.startsWith(folder))),
  };
}

/** Whether `folder` can lie on the way to, or below, what the pattern fits: compared up to its first wildcard. */
function leads(pattern: string, folder: string): boolean {
  const parts = pattern.split("/");
  const wild = parts.findIndex((part) => /[*?[{(!]/.test(part));
  const fixed = wild < 0 ? parts : parts.slice(0, wild);
  return folder.split("/").every((part, at) => at >= fixed.length || fixed[at] === part);
}

async function* walk(root: string, wanted: Wanted): AsyncGenerator<Readonly<{ path: string; isLink: boolean }>> {
  let seen = 0;
  const folders = [""];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (++seen > mostSeen) return;
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name === ".git") continue;
      if (entry.isDirectory()) {
        if (wanted.below(path)) folders.push(path);
      } else if ((entry.isFile() || entry.isSymbolicLink()) && wanted.file(path))
        yield { path, isLink: entry.isSymbolicLink() };
    }
  }
}
