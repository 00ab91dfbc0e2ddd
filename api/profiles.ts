import { isStoreAway } from "../shared/error.ts";
import { HttpError } from "../shared/problem.ts";
import type { ProfileSummary } from "../shared/profile.ts";
import type { RunnerRecord } from "../shared/store.ts";
import type { ApiDeps, Offer } from "./deps.ts";

/** The profiles of all live runners and the bundled ones, by name; what a runner says of one holds. */
export const listProfiles = async (deps: ApiDeps): Promise<readonly ProfileSummary[]> =>
  together(deps.bundled, await liveRunners(deps));

/**
 * The same, for choosing one. While the store is away: as far as this process remembers them, and `away` says why there
 * may be more.
 */
export async function profilesToChoose(deps: ApiDeps): Promise<Offer & Readonly<{ away?: unknown }>> {
  try {
    const runners = await liveRunners(deps);
    return { profiles: together(deps.bundled, runners), runners };
  } catch (away) {
    if (!isStoreAway(away)) throw away;
    const { runners = [] } = deps.memory?.read ?? {};
    return { profiles: together(deps.bundled, runners), runners, away };
  }
}

/** A profile that comes with the program is on every runner, also on those that came since. */
const rememberedMs = 60_000;

/**
 * The same without asking the store: as they were read a little while ago, where that settles it for this profile. It does
 * for one that comes with the program and that no runner has of its own.
 */
export function rememberedProfiles({ bundled, memory, clock }: ApiDeps, name: string): Offer | undefined {
  const { read } = memory ?? {};
  if (!read || clock.uptime() - read.at > rememberedMs) return undefined;
  const { runners, offers } = read;
  const known = offers.get(name);
  if (known) return known;
  const all = [...bundled, ...runners.flatMap(({ profiles }) => profiles)].filter((profile) => profile.name === name);
  const isOfAll = all.length > 0 && all.every(({ source, error }) => source === "bundled" && error === undefined);
  if (!isOfAll) return undefined;
  const found = { profiles: all, runners };
  offers.set(name, found);
  return found;
}

async function liveRunners({ store, memory, clock }: ApiDeps): Promise<readonly RunnerRecord[]> {
  const runners = await store.runners();
  if (memory) memory.read = { runners, at: clock.uptime(), offers: new Map() };
  return runners;
}

function together(bundled: readonly ProfileSummary[], runners: readonly RunnerRecord[]): readonly ProfileSummary[] {
  const byName = new Map(bundled.map((profile) => [profile.name, profile]));
  const seen = new Set<string>();
  for (const profile of runners.flatMap((runner) => runner.profiles)) {
    // Where runners disagree, one that can use it is enough: it is who will take the job (`profileQueue`).
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
