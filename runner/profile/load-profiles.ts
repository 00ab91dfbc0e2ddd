import { type Dirent, existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { nearest } from "../../shared/config.ts";
import { AppError, toAppError } from "../../shared/error.ts";
import { ProfileName } from "../../shared/job.ts";
import type { ProfileSummary } from "../../shared/profile.ts";
import { type Found, type LoadedProfile, resolveProfile } from "./extend.ts";
import { parseProfileFile } from "./profile-file.ts";

/** Where profiles are looked for; a later place wins over an earlier one, profile by profile. */
export type ProfilePlaces = Readonly<{
  bundled: string;
  /** `{AGENTICORE_AGENTIHOOKS_PATH}/profiles`. */
  agentihooks?: string;
  /** `~/.agenticore/profiles`. */
  user?: string;
}>;

export type Profiles = Readonly<{
  /** All of them by name; a broken one has its `error` and leaves the others alone. */
  summaries: readonly ProfileSummary[];
  /** @throws AppError `profile_not_found` that names those that exist, `profile_invalid`. */
  get: (name: string) => LoadedProfile;
}>;

const maxFileBytes = 256 * 1024;

/** Reads every profile from disk. A missing place is an empty one. */
export async function loadProfiles(places: ProfilePlaces): Promise<Profiles> {
  const found = [
    ...(await discover("bundled", places.bundled)),
    ...(places.agentihooks === undefined ? [] : await discover("agentihooks", places.agentihooks)),
    ...(places.user === undefined ? [] : await discover("user", places.user)),
  ];
  const names = [...new Set(found.map(({ name }) => name))].sort();
  const resolved = new Map(names.map((name) => [name, attempt(() => resolveProfile(name, found))]));
  return {
    summaries: names.map((name) => summary(name, found, resolved.get(name))),
    get: (name) => {
      const profile = resolved.get(name);
      if (profile === undefined) throw notFound(name, names);
      if (profile instanceof AppError) throw profile;
      return profile;
    },
  };
}

async function discover(source: string, folder: string): Promise<Found[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw new AppError("setup_failed", `The profiles in ${folder} cannot be read: ${error.message}`, { cause: error });
  });
  const named = entries.filter((entry) => isProfile(entry, folder)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return Promise.all(named.map((entry) => read(source, join(folder, entry.name), entry.name)));
}

/** A folder with any of the files that make a profile; `_base` and hidden ones are not profiles. */
const isProfile = (entry: Dirent, folder: string): boolean =>
  (entry.isDirectory() || entry.isSymbolicLink()) &&
  !/^[_.]/.test(entry.name) &&
  ["profile.yml", "CLAUDE.md", ".claude"].some((file) => existsSync(join(folder, entry.name, file)));

async function read(source: string, folder: string, folderName: string): Promise<Found> {
  try {
    const file = join(folder, "profile.yml");
    const raw = existsSync(file) ? parseProfileFile(file, await textOf(file)) : {};
    const name = typeof raw["name"] === "string" ? raw["name"] : folderName;
    if (!ProfileName.safeParse(name).success)
      throw new AppError("profile_invalid", `${folder}: "${name}" is not a profile's name; rename the folder.`);
    return { name, source, folder, content: raw };
  } catch (error) {
    return { name: folderName, source, folder, content: toAppError(error) };
  }
}

async function textOf(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > maxFileBytes)
    throw new AppError("profile_invalid", `${file} has ${size} bytes; at most ${maxFileBytes} are allowed.`);
  return readFile(file, "utf8");
}

function attempt(make: () => LoadedProfile): LoadedProfile | AppError {
  try {
    return make();
  } catch (error) {
    return toAppError(error);
  }
}

function summary(name: string, found: readonly Found[], result: LoadedProfile | AppError | undefined): ProfileSummary {
  const source = found.findLast((one) => one.name === name)?.source ?? "";
  if (result === undefined || result instanceof AppError)
    return { name, description: "", source, error: result?.message ?? "" };
  const { profile } = result;
  const { model, max_turns } = profile.claude;
  return {
    name,
    description: profile.description,
    ...(model === undefined ? {} : { model }),
    ...(max_turns === undefined ? {} : { max_turns }),
    permission_mode: profile.claude.permission_mode,
    auto_pr: profile.auto_pr,
    ...(profile.extends === undefined ? {} : { extends: profile.extends }),
    source,
  };
}

const notFound = (name: string, names: readonly string[]): AppError =>
  new AppError("profile_not_found", `There is no profile "${name}". There are: ${names.join(", ")}.`, {
    remedy: `Did you mean "${nearest(name, names)}"? \`agenticore profiles\` lists them all.`,
  });
