import { nearest } from "../../shared/config.ts";
import { AppError, toAppError } from "../../shared/error.ts";
import { Profile, type ProfileSummary } from "../../shared/profile.ts";
import { checkApprovals } from "./check-approvals.ts";
import type { CheckSettings } from "./check-settings.ts";
import { isTree } from "./deep-merge.ts";
import { discover } from "./discover.ts";
import { type Found, type LoadedProfile, resolveProfile } from "./extend.ts";
import type { AskFlags } from "./profile-file.ts";
import { instructionsOf, type Layer, mcpServersOf, settingsLayers, settingsOf } from "./profile-files.ts";

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

/** What the installed Claude is asked; without it no flag is known, and settings are looked at here alone. */
export type AskClaude = Readonly<{ flags?: AskFlags; settings?: CheckSettings }>;

/** Reads every profile from disk. A missing place is an empty one. */
export async function loadProfiles(places: ProfilePlaces, claude: AskClaude = {}): Promise<Profiles> {
  const found: Found[] = [];
  for (const source of ["bundled", "agentihooks", "user"] as const) {
    const folder = places[source];
    if (folder !== undefined) found.push(...(await discover({ source, folder }, claude.flags)));
  }
  const names = [...new Set(found.map(({ name }) => name))].sort();
  const loaded = await Promise.all(names.map(async (name) => [name, await attempt(name, { found, claude })] as const));
  const resolved = new Map(loaded);
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

type All = Readonly<{ found: readonly Found[]; claude: AskClaude }>;

async function attempt(name: string, { found, claude }: All): Promise<LoadedProfile | AppError> {
  try {
    const loaded = await withFiles(resolveProfile(name, found), claude);
    checkApprovals(loaded);
    return loaded;
  } catch (error) {
    return toAppError(error);
  }
}

/** Its other files are looked at too: a job must not be the first to learn that one of them is broken. */
async function withFiles(loaded: LoadedProfile, claude: AskClaude): Promise<LoadedProfile> {
  const [layers] = await Promise.all([settingsLayers(loaded), mcpServersOf(loaded), instructionsOf(loaded)]);
  const settings = settingsOf(layers);
  const wrong = (await claude.settings?.(settings)) ?? [];
  if (wrong.length > 0) throw unusable(layers, wrong);
  const { permissions } = settings;
  const mode = Mode.safeParse(isTree(permissions) ? permissions["defaultMode"] : undefined);
  if (!mode.success || mode.data === undefined || loaded.layers.some(({ content }) => saysMode(content))) return loaded;
  const { profile } = loaded;
  return { ...loaded, profile: { ...profile, claude: { ...profile.claude, permission_mode: mode.data } } };
}

/** With one mistake Claude leaves out all of the settings, rules that deny too, and in `-p` it does not say so. */
const unusable = (layers: readonly Layer[], wrong: readonly string[]): AppError =>
  new AppError(
    "profile_invalid",
    `Claude cannot use the settings of ${layers.map(({ from }) => from).join(", ")}: ${wrong.join("; ")}`,
  );

const Mode = Profile.shape.claude.unwrap().shape.permission_mode.unwrap();
const saysMode = ({ claude }: Readonly<Record<string, unknown>>): boolean =>
  isTree(claude) && typeof claude["permission_mode"] === "string";

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
