import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { removeFolder } from "../remove-folder.ts";
import { mergeSettings } from "./deep-merge.ts";
import type { LoadedProfile } from "./extend.ts";
import { copyParts } from "./parts.ts";
import { instructionsOf, jsonOf, mcpServersOf, settingsLayers, settingsOf } from "./profile-files.ts";
import type { RepoConfig } from "./repo-config.ts";
import { repoInstructions } from "./repo-instructions.ts";

export type MaterializeFacts = Readonly<{
  profile: LoadedProfile;
  /** The job's own CLAUDE_CONFIG_DIR, `{run folder}/claude`; what an earlier attempt left there is removed. */
  configDir: string;
  worktree: string;
  repoConfig: RepoConfig;
  /** AGENTICORE_CLAUDE_CONFIG_DIR: its settings lie below the profile's. */
  userConfigDir?: string;
  /** Folders that Claude is to trust, with `repo_config: all`. For a worktree its repository's counts (measured). */
  trustedFolders?: readonly string[];
}>;

export type Materialized = Readonly<{ configDir: string; mcpConfig?: string; warnings: readonly string[] }>;

/**
 * Writes what a profile means to Claude into a private config folder (0700, files 0600). The worktree is only
 * read. An agent may have changed the folder of an earlier attempt, so nothing of it is kept: transcripts are
 * to be saved before, and laid out after.
 * @throws AppError `profile_invalid` for a file of the profile that cannot be used.
 */
export async function materialize(facts: MaterializeFacts): Promise<Materialized> {
  const { profile, configDir, repoConfig, worktree } = facts;
  const base = facts.userConfigDir === undefined ? {} : await jsonOf(join(facts.userConfigDir, "settings.json"));
  const [settings, instructions, servers, imports] = await Promise.all([
    settingsLayers(profile),
    instructionsOf(profile),
    mcpServersOf(profile),
    repoConfig === "instructions" ? repoInstructions(worktree) : { lines: [], warnings: [] },
  ]);
  await freshFolder(configDir);
  for (const folder of profile.folders) await copyParts(join(folder, ".claude"), configDir);
  await Promise.all([
    write(join(configDir, "settings.json"), toJson(mergeSettings(base, settingsOf(settings)))),
    write(join(configDir, ".claude.json"), toJson(firstStart(facts.trustedFolders ?? []))),
    writeUnlessEmpty(join(configDir, "CLAUDE.md"), [...instructions.map(({ text }) => text), ...imports.lines]),
  ]);
  const { warnings } = imports;
  if (servers.size === 0) return { configDir, warnings };
  const mcpConfig = join(configDir, "mcp.json");
  await write(
    mcpConfig,
    toJson({ mcpServers: Object.fromEntries([...servers].map(([name, { server }]) => [name, server])) }),
  );
  return { configDir, mcpConfig, warnings };
}

/** Moved away first: a half-removed folder must never be used, and removal can take long. */
async function freshFolder(path: string): Promise<void> {
  const old = `${path}.old`;
  await removeFolder(old);
  await rename(path, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await mkdir(path, { recursive: true, mode: 0o700 });
  await removeFolder(old);
}

const firstStart = (trusted: readonly string[]) => ({
  hasCompletedOnboarding: true,
  projects: Object.fromEntries(trusted.map((folder) => [folder, { hasTrustDialogAccepted: true }])),
});

const toJson = (content: unknown): string => `${JSON.stringify(content, undefined, 2)}\n`;
const write = (path: string, text: string): Promise<void> => writeFile(path, text, { mode: 0o600 });
const writeUnlessEmpty = async (path: string, parts: readonly string[]): Promise<void> => {
  if (parts.length > 0) await write(path, `${parts.join("\n\n")}\n`);
};
