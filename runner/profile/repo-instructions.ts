import { lstat, realpath } from "node:fs/promises";
import { join, sep } from "node:path";

/** Where Claude itself looks for a project's instructions. */
const places = ["CLAUDE.md", ".claude/CLAUDE.md"];

/**
 * Lines for the job's own CLAUDE.md that bring in the repository's. A link, or a file behind a linked folder,
 * is left out: it could name any file of the box, which would then be read to the model.
 */
export async function repoInstructions(worktree: string): Promise<readonly string[]> {
  const root = await realpath(worktree);
  const files = await Promise.all(places.map((place) => plainFile(root, join(root, place))));
  return files.filter((file) => file !== undefined).map((file) => `@${escaped(file)}`);
}

async function plainFile(root: string, path: string): Promise<string | undefined> {
  try {
    const isPlain = (await lstat(path)).isFile() && (await realpath(path)) === path && path.startsWith(root + sep);
    return isPlain ? path : undefined;
  } catch {
    return undefined; // most repositories have no such file
  }
}

/** A space would end the path (Claude Code, "CLAUDE.md imports"). */
const escaped = (path: string): string => path.replaceAll(" ", "\\ ");
