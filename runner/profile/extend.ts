import { AppError } from "../../shared/error.ts";
import { Profile } from "../../shared/profile.ts";
import { deepMerge } from "./deep-merge.ts";
import type { RawProfile } from "./profile-file.ts";

/** A profile's folder as found on disk: its own content, or why it has none. */
export type Found = Readonly<{ name: string; source: string; folder: string; content: RawProfile | AppError }>;

export type LoadedProfile = Readonly<{
  name: string;
  source: string;
  /** With everything that it extends, and the defaults. */
  profile: Profile;
  /** The folders whose files make it up, the furthest parent first. */
  folders: readonly string[];
}>;

/**
 * The profile of this name with its parents merged below it: `extends` names one or several, later ones win.
 * A profile that extends its own name builds on the one of an earlier place.
 * @throws AppError `profile_invalid` for an unknown or broken parent, and for a circle.
 */
export function resolveProfile(name: string, found: readonly Found[]): LoadedProfile {
  const last = found.findLast((one) => one.name === name);
  if (!last) throw new AppError("profile_not_found", `There is no profile "${name}".`);
  const chain = chainOf(last, found, []);
  const merged = chain.map(({ raw }) => raw).reduce(deepMerge, {});
  const own = chain.at(-1)?.raw ?? {};
  const profile = Profile.parse({ ...merged, name, extends: own["extends"] });
  return { name, source: last.source, profile, folders: chain.map(({ folder }) => folder) };
}

type Link = Readonly<{ folder: string; raw: RawProfile }>;

function chainOf(child: Found, found: readonly Found[], below: readonly Found[]): Link[] {
  if (child.content instanceof AppError) throw child.content;
  if (below.includes(child)) {
    const circle = [...below.slice(below.indexOf(child)), child].map(({ name }) => name).join(" -> ");
    throw new AppError("profile_invalid", `${child.folder}: extends goes round in a circle: ${circle}.`);
  }
  const raw = child.content;
  const parents = parentsOf(raw).flatMap((name) => {
    const parent = name === child.name ? earlier(child, found) : found.findLast((one) => one.name === name);
    if (!parent) throw unknownParent(child, name);
    return chainOf(parent, found, [...below, child]);
  });
  return [...unique(parents), { folder: child.folder, raw }];
}

const parentsOf = (raw: RawProfile): readonly string[] => {
  const { data } = Profile.shape.extends.safeParse(raw["extends"]);
  return data === undefined ? [] : [data].flat();
};

const earlier = (child: Found, found: readonly Found[]): Found | undefined =>
  found.slice(0, found.indexOf(child)).findLast((one) => one.name === child.name);

/** A parent that is reached twice counts where it comes first. */
const unique = (links: readonly Link[]): Link[] =>
  links.filter((link, index) => links.findIndex(({ folder }) => folder === link.folder) === index);

const unknownParent = (child: Found, name: string): AppError =>
  new AppError("profile_invalid", `${child.folder}: extends names "${name}", and there is no such profile.`);
