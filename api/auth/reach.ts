import type { Reach } from "../../shared/api-key.ts";
import { AppError } from "../../shared/error.ts";
import { namesRepo } from "../../shared/repo-allowed.ts";
import { parseRepoUrl, type RepoAddress } from "../../shared/repo-url.ts";
import type { Caller } from "../asked.ts";

type Asked = Readonly<{ repo: RepoAddress | undefined; pool: string }>;

/**
 * What a key is narrowed to, on top of what the installation allows.
 * @throws AppError `repo_not_allowed`, `forbidden`, each with the field.
 */
export function checkReach({ reach }: Pick<Caller, "reach">, { repo, pool }: Asked): void {
  if (reach?.repos && !isNamed(repo, reach.repos))
    throw new AppError(
      "repo_not_allowed",
      repo
        ? `The repository ${repo.canonical} is not one that this key is for.`
        : "This key is for certain repositories, and no repository is named.",
      {
        remedy: `Name a repository that fits ${listed(reach.repos)}, or use another key.`,
        errors: [{ path: "repo_url", message: `must fit ${listed(reach.repos)}` }],
      },
    );
  if (reach?.pools && !reach.pools.includes(pool)) throw notFor("pool", pool, reach.pools);
}

/** The same as an answer: for what is chosen among much. */
export const isInReach = ({ reach = {} }: Pick<Caller, "reach">, { repo, pool }: Asked): boolean =>
  (reach.repos === undefined || isNamed(repo, reach.repos)) && (reach.pools?.includes(pool) ?? true);

const isNamed = (repo: RepoAddress | undefined, patterns: readonly string[]): boolean =>
  repo !== undefined && patterns.some((pattern) => namesRepo(repo, pattern));

/** The same for the profile that was asked for, or that routing has chosen. @throws AppError `forbidden`. */
export function checkProfileReach({ reach }: Pick<Caller, "reach">, profile: string): void {
  if (reach?.profiles && !reach.profiles.includes(profile)) throw notFor("profile", profile, reach.profiles);
}

/** For what wakes or steers a job that is there, which another key of the tenant may have made. @throws as the two. */
export function checkJobReach(
  caller: Pick<Caller, "reach">,
  { repo_url, pool, profile }: Readonly<{ repo_url?: string | undefined; pool: string; profile: string }>,
): void {
  checkReach(caller, { repo: repo_url === undefined ? undefined : parseRepoUrl(repo_url), pool });
  checkProfileReach(caller, profile);
}

export const isNarrowed = ({ reach = {} }: Readonly<{ reach?: Reach }>): boolean =>
  [reach.repos, reach.pools, reach.profiles].some((list) => list !== undefined);

export function notFor(path: "pool" | "profile", given: string, allowed: readonly string[]): AppError {
  return new AppError("forbidden", `This key is not for the ${path} ${given}.`, {
    remedy: `Name ${allowed.length === 1 ? "the" : "one of the"} ${path}${allowed.length === 1 ? "" : "s"} ${listed(allowed)}, or use another key.`,
    errors: [{ path, message: `must be ${listed(allowed)}` }],
  });
}

const listed = (texts: readonly string[]): string => texts.join(" or ");
