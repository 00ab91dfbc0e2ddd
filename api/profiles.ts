import { HttpError } from "../shared/problem.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { ApiDeps } from "./deps.ts";

/** The profiles of all live runners and the bundled ones, by name; what a runner says of one holds. */
export async function listProfiles({ store, bundled }: ApiDeps): Promise<readonly ProfileSummary[]> {
  const byName = new Map(bundled.map((profile) => [profile.name, profile]));
  const seen = new Set<string>();
  for (const profile of (await store.runners()).flatMap((runner) => runner.profiles)) {
    // Where runners disagree, one that can use it is enough: it is who will take the job.
    if (!seen.has(profile.name) || profile.error === undefined) byName.set(profile.name, profile);
    seen.add(profile.name);
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @throws HttpError 404 `profile_not_found` with the names that exist. */
export async function getProfile(deps: ApiDeps, name: string): Promise<ProfileSummary> {
  const profiles = await listProfiles(deps);
  const found = profiles.find((profile) => profile.name === name);
  if (found) return found;
  const names = profiles.map((profile) => profile.name).join(", ");
  throw new HttpError(404, "profile_not_found", `There is no profile of that name; there are: ${names}.`);
}
