import { z } from "zod";
import { AppError } from "../../shared/error.ts";
import type { GithubRequest } from "./client.ts";
import { isEnough } from "./installation.ts";
import type { GithubRepository } from "./repository.ts";
import type { Access } from "./tokens.ts";

const Answer = z.object({
  full_name: z.string(),
  private: z.boolean(),
  archived: z.boolean().default(false),
  disabled: z.boolean().default(false),
  permissions: z.object({ push: z.boolean() }).optional(),
});

/** What a pull request takes, in GitHub's names. */
export const needed = { contents: "write", pull_requests: "write" } as const;

/**
 * Asks whether a branch may be pushed to the repository and a pull request opened there.
 * @throws AppError `auth_failed` or `forbidden` with the remedy; GitHub's refusals as they come.
 */
export async function checkRights(
  repo: GithubRepository,
  access: Access,
  { request, signal }: Readonly<{ request: GithubRequest; signal: AbortSignal }>,
): Promise<void> {
  const path = { owner: repo.owner, repo: repo.name };
  const { data, headers } = await request("GET /repos/{owner}/{repo}", { ...path, request: { signal } });
  const { full_name, archived, disabled, permissions, private: isPrivate } = Answer.parse(data);
  if (archived || disabled)
    throw new AppError(
      "forbidden",
      `${full_name} is ${archived ? "archived" : "disabled"}: nothing can be pushed to it.`,
      {
        remedy: archived ? "Unarchive it in its settings, or use a profile with `auto_pr: false`." : "Ask GitHub why.",
      },
    );
  if (access.rights) return checkApp(repo, access.rights);
  // Of an installation's token that somebody handed us, GitHub says `push: false` whatever it may do.
  const isInstallation = access.token.reveal().startsWith("ghs_");
  if (permissions?.push === false && !isInstallation)
    throw new AppError("auth_failed", `GITHUB_TOKEN may read ${full_name}, but not push to it.`, {
      remedy: "Give its owner write access there, or use a profile with `auto_pr: false`.",
    });
  const scopes = headers["x-oauth-scopes"]?.split(/,\s*/); // only classic tokens have them
  if (!scopes || scopes.includes("repo") || (!isPrivate && scopes.includes("public_repo"))) return;
  throw new AppError("auth_failed", `GITHUB_TOKEN has not the scope \`repo\`, so it may not push to ${full_name}.`, {
    remedy: "Give it the scope `repo`, or use a fine-grained token with Contents and Pull requests (read and write).",
  });
}

/** What an App may do is on its token. */
function checkApp({ owner, name }: GithubRepository, rights: NonNullable<Access["rights"]>): void {
  const missing = Object.entries(needed).filter(([right, level]) => !isEnough(rights[right], level));
  if (missing.length === 0) return;
  const names = missing.map(([right, level]) => `${right}: ${level}`).join(", ");
  throw new AppError("auth_failed", `The GitHub App has not the permissions ${names} at ${owner}/${name}.`, {
    remedy: "Add them in the App's settings, and accept them where it is installed.",
  });
}
