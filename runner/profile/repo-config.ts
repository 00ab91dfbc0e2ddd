import picomatch from "picomatch";
import type { Profile } from "../../shared/profile.ts";

export type RepoConfig = Profile["repo_config"];

/**
 * What of the repository's own configuration may reach Claude. `all` runs its hooks and MCP servers, so only
 * a repository that AGENTICORE_TRUSTED_REPOS names (globs on the address) gets it; others get `instructions`, with a warning.
 */
export function repoConfigOf(
  profile: Profile,
  repo: Readonly<{ url?: string; trusted: readonly string[] }>,
): Readonly<{ repoConfig: RepoConfig; warnings: readonly string[] }> {
  const { repo_config } = profile;
  if (repo_config !== "all" || isTrusted(repo)) return { repoConfig: repo_config, warnings: [] };
  const warning =
    "The profile asks for `repo_config: all`, but AGENTICORE_TRUSTED_REPOS does not name this repository: its hooks, settings and MCP servers did not run.";
  return { repoConfig: "instructions", warnings: [warning] };
}

/** Whether AGENTICORE_TRUSTED_REPOS names it. */
export const isTrusted = ({ url, trusted }: Readonly<{ url?: string; trusted: readonly string[] }>): boolean =>
  url !== undefined && trusted.some((glob) => picomatch.isMatch(url, glob, { nonegate: true, dot: true }));
