import { type Dirent, existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError, toAppError } from "../../shared/error.ts";
import { ProfileName } from "../../shared/job.ts";
import type { Found } from "./extend.ts";
import { type AskFlags, parseProfileFile } from "./profile-file.ts";

const maxFileBytes = 256 * 1024;

export type Place = Readonly<{ source: "bundled" | "agentihooks" | "user"; folder: string }>;

/** The profiles of one place, by folder name. A missing place is an empty one. @throws AppError `setup_failed` where it cannot be read. */
export async function discover(place: Place, askFlags: AskFlags | undefined): Promise<Found[]> {
  const { source, folder } = place;
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw new AppError("setup_failed", `The profiles in ${folder} cannot be read: ${error.message}`, { cause: error });
  });
  const named = entries.filter((entry) => isProfile(entry, place)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const base = join(folder, "_base");
  const common = {
    source,
    ...(existsSync(base) ? { base } : {}),
    ...(source === "agentihooks" ? { hooksRoot: dirname(folder) } : {}),
  };
  return Promise.all(
    named.map(async ({ name }) => ({
      ...common,
      folder: join(folder, name),
      ...(await read(join(folder, name), name, askFlags)),
    })),
  );
}

/**
 * A folder with any of the files that make a profile; `_base` and hidden ones are not profiles, nor is the `package`
 * of agentihooks.
 */
const isProfile = (entry: Dirent, { source, folder }: Place): boolean =>
  (entry.isDirectory() || entry.isSymbolicLink()) &&
  !/^[_.]/.test(entry.name) &&
  !(source === "agentihooks" && entry.name === "package") &&
  ["profile.yml", "CLAUDE.md", ".claude"].some((file) => existsSync(join(folder, entry.name, file)));

async function read(
  folder: string,
  folderName: string,
  askFlags: AskFlags | undefined,
): Promise<Pick<Found, "name" | "content">> {
  try {
    const file = join(folder, "profile.yml");
    const content = existsSync(file)
      ? await parseProfileFile(file, await textOf(file), askFlags)
      : { content: {}, flags: {}, notes: [] };
    const named = content.content["name"];
    const name = typeof named === "string" ? named : folderName;
    if (!ProfileName.safeParse(name).success)
      throw new AppError("profile_invalid", `${folder}: "${name}" is not a profile's name; rename the folder.`);
    return { name, content };
  } catch (error) {
    return { name: folderName, content: toAppError(error) };
  }
}

async function textOf(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > maxFileBytes)
    throw new AppError("profile_invalid", `${file} has ${size} bytes; at most ${maxFileBytes} are allowed.`);
  return readFile(file, "utf8");
}
