import { lstat, readFile, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";

/** Where Claude itself looks for a project's instructions. */
const places = ["CLAUDE.md", ".claude/CLAUDE.md"];
const maxFiles = 500;
const maxBytes = 1024 * 1024;

export type RepoInstructions = Readonly<{ lines: readonly string[]; warnings: readonly string[] }>;

/**
 * Lines for the job's own CLAUDE.md that bring in the repository's. Claude reads imports without asking, so a file
 * that leads out of the worktree, itself or by an import, could put any file of the box before the model: it is
 * left out, and a warning says so.
 */
export async function repoInstructions(worktree: string): Promise<RepoInstructions> {
  const root = await realpath(worktree);
  const checked = await Promise.all(places.map((place) => check(root, join(root, place))));
  return {
    lines: checked.flatMap(({ line }) => line ?? []),
    warnings: checked.flatMap(({ warning }) => warning ?? []),
  };
}

type Checked = Readonly<{ line?: string; warning?: string }>;

async function check(root: string, path: string): Promise<Checked> {
  if ((await lstat(path).catch(() => undefined)) === undefined) return {};
  const real = await realpath(path).catch(() => "");
  const stray = isInside(root, real) ? await strayImport(root, real) : "a file outside the worktree";
  return stray === undefined
    ? { line: `@${escaped(real)}` }
    : { warning: `The repository's ${relative(root, path)} was left out: it brings in ${stray}.` };
}

/** The first import that leads out of the worktree, at any depth; also one that is too much to look through. */
async function strayImport(root: string, first: string): Promise<string | undefined> {
  const files = new Set([first]);
  for (const file of files) {
    if (files.size > maxFiles) return "too many files";
    const info = await stat(file);
    if (!info.isFile()) continue;
    if (info.size > maxBytes) return `a file of ${info.size} bytes`;
    for (const target of importsIn(await readFile(file, "utf8"))) {
      const path = resolve(dirname(file), target.replace(/^~(?=\/)/, homedir()));
      const real = await realpath(path).catch(() => undefined);
      // A folder cannot be imported: `@/` is commonly just written about.
      if (real === undefined || (await stat(real)).isDirectory()) continue;
      if (!isInside(root, real)) return target;
      files.add(real).add(path);
    }
  }
  return undefined;
}

/** Rather one too many than one too few: also in code, with and without a trailing mark. */
function importsIn(text: string): string[] {
  const found = [...text.matchAll(/@((?:\\ |[^\s])+)/g)].map(([, path = ""]) => path.replaceAll("\\ ", " "));
  return [...new Set(found.flatMap((path) => [path, path.replace(/#.*$/, ""), path.replace(/[^\w)/]+$/, "")]))];
}

const isInside = (root: string, real: string): boolean => real.startsWith(root + sep);

/** A space would end the path (Claude Code, "CLAUDE.md imports"). */
const escaped = (path: string): string => path.replaceAll(" ", "\\ ");
