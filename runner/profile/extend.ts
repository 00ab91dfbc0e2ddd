import { AppError } from "../../shared/error.ts";
import { Profile, parentsOf } from "../../shared/profile.ts";
import { deepMerge, type Tree, withoutNulls } from "./deep-merge.ts";
import type { RawProfile } from "./profile-file.ts";
import type { Layer, ProfileFolders } from "./profile-files.ts";

/** A profile's folder as found on disk: its own content, or why it has none. */
export type Found = Readonly<{
  name: string;
  source: string;
  folder: string;
  /** What every profile beside it builds on, `_base`, where there is one. */
  base?: string;
  hooksRoot?: string;
  content: RawProfile | AppError;
}>;

export type LoadedProfile = ProfileFolders &
  Readonly<{
    name: string;
    source: string;
    /** With everything that it extends, and the defaults. */
    profile: Profile;
    /** Keys of `claude` that are flags of Claude's and no keys of ours, with their values. */
    flags: Tree;
    /** Each `profile.yml` that it is made of, the furthest parent's first. */
    layers: readonly Layer[];
    /** What of them has no effect. */
    notes: readonly string[];
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
  const merged = chain.map(({ raw }) => raw.content).reduce(deepMerge, {});
  const own = chain.at(-1)?.raw.content ?? {};
  const profile = Profile.parse(withoutNulls({ ...merged, name, extends: own["extends"] ?? null }));
  const hooksRoot = chain.find((link) => link.hooksRoot !== undefined)?.hooksRoot;
  return {
    name,
    source: last.source,
    profile,
    folders: [...new Set(chain.flatMap(({ base, folder }) => (base === undefined ? [folder] : [base, folder])))],
    ...(hooksRoot === undefined ? {} : { hooksRoot }),
    flags: withoutNulls(chain.map(({ raw }) => raw.flags).reduce(deepMerge, {})),
    layers: chain.map(({ folder, raw }) => ({ from: `${folder}/profile.yml`, content: whole(raw) })),
    notes: [...new Set(chain.flatMap(({ raw }) => raw.notes))],
  };
}

type Link = Readonly<Omit<Found, "content"> & { raw: RawProfile }>;

function chainOf(child: Found, found: readonly Found[], below: readonly Found[]): Link[] {
  const { content: raw, ...place } = child;
  if (raw instanceof AppError) throw raw;
  if (below.includes(child)) {
    const circle = [...below.slice(below.indexOf(child)), child].map(({ name }) => name).join(" -> ");
    throw new AppError("profile_invalid", `${child.folder}: extends goes round in a circle: ${circle}.`);
  }
  const parents = parentsNamed(raw).flatMap((name) => {
    const parent = name === child.name ? earlier(child, found) : found.findLast((one) => one.name === name);
    if (!parent) throw unknownParent(child, { name, found });
    return chainOf(parent, found, [...below, child]);
  });
  return [...unique(parents), { ...place, raw }];
}

const parentsNamed = ({ content }: RawProfile): readonly string[] =>
  parentsOf(Profile.shape.extends.safeParse(content["extends"]).data);

const earlier = (child: Found, found: readonly Found[]): Found | undefined =>
  found.slice(0, found.indexOf(child)).findLast((one) => one.name === child.name);

/** A parent that is reached twice counts where it comes first. */
const unique = (links: readonly Link[]): Link[] =>
  links.filter((link, index) => links.findIndex(({ folder }) => folder === link.folder) === index);

/** As it was written, the flags in their place. */
const whole = ({ content, flags }: RawProfile): Tree =>
  Object.keys(flags).length === 0 ? content : deepMerge(content, { claude: flags });

const unknownParent = (
  child: Found,
  { name, found }: Readonly<{ name: string; found: readonly Found[] }>,
): AppError => {
  const names = [...new Set(found.map((one) => one.name))].filter((one) => one !== child.name).sort();
  return new AppError(
    "profile_invalid",
    `${child.folder}: extends names "${name}", and there is no such profile; there are: ${names.join(", ") || "none"}.`,
  );
};
