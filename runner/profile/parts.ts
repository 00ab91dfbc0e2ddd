import { cp, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError } from "../../shared/error.ts";

/**
 * Copies agents, skills, commands, rules, hooks and whatever else the `.claude` of a profile brings; not what is made for the
 * job or is Claude's own state. @throws AppError `profile_invalid` for what cannot be copied, as a link that leads nowhere.
 */
export async function copyParts(from: string, to: string): Promise<void> {
  for (const name of await partsIn(from)) {
    const source = join(from, name);
    // Shared skills are commonly links: what they point to is copied.
    await cp(source, join(to, name), { recursive: true, dereference: true, filter: notGit }).catch((cause: unknown) => {
      throw new AppError("profile_invalid", `${source} cannot be copied: ${(cause as Error).message}`, { cause });
    });
  }
}

/** What `copyParts` brings from these folders, as `agents/auditor.md` with the folder that it is from; a later one wins. */
export async function partsOf(folders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found: (readonly [part: string, from: string])[] = [];
  for (const folder of folders) {
    const inner = join(folder, ".claude");
    for (const name of await partsIn(inner)) {
      const below = (await readdir(join(inner, name)).catch(() => [])).filter((entry) => entry !== ".git").sort();
      const parts = below.length === 0 ? [name] : below.map((entry) => `${name}/${entry}`);
      found.push(...parts.map((part) => [part, inner] as const));
    }
  }
  return new Map(found);
}

const partsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter(isPart).sort();

const made = new Set([
  "CLAUDE.md",
  "settings.json",
  "settings.base.json",
  "settings.local.json",
  "settings.overrides.json",
  "mcp.json",
]);
const state = new Set(["projects", "sessions", "todos", "shell-snapshots", "backups", "statsig", "history.jsonl"]);
const isPart = (name: string): boolean => !name.startsWith(".") && !made.has(name) && !state.has(name);
const notGit = (path: string): boolean => basename(path) !== ".git";
