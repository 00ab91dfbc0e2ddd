import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { AppError } from "../../shared/error.ts";
import type { Profile } from "../../shared/profile.ts";
import { RepoFile, type Setup } from "../../shared/setup.ts";
import { isTrusted } from "../profile/repo-config.ts";

export type FoundSetup = Readonly<{ setup?: Setup; warnings: readonly string[] }>;
type Place = Readonly<{ worktree: string; url?: string; trusted: readonly string[] }>;

const file = ".agenticore.yml";
const maxBytes = 64 * 1024;

/**
 * The profile's set-up, else that of a trusted repository. The file is read before an agent was there, but whoever can
 * push a branch has written it: only a plain file of bounded size is.
 * @throws AppError `setup_failed` for a file that is not as it should be, with the key that is wrong.
 */
export async function findSetup(profile: Pick<Profile, "setup">, place: Place): Promise<FoundSetup> {
  if (profile.setup) return { setup: profile.setup, warnings: [] };
  const path = join(place.worktree, file);
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return { warnings: [] };
  if (!isTrusted(place)) {
    const warning = `The repository's ${file} was not used: AGENTICORE_TRUSTED_REPOS does not name this repository.`;
    return { warnings: [warning] };
  }
  if (!stats.isFile() || stats.size > maxBytes) throw wrong(`is not a file of at most ${maxBytes} bytes`);
  const { setup } = read(await readFile(path, "utf8"));
  return { ...(setup ? { setup } : {}), warnings: [] };
}

function read(text: string): ReturnType<typeof RepoFile.parse> {
  let content: unknown;
  try {
    content = parse(text, { maxAliasCount: 10 }) ?? {};
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  const read = RepoFile.safeParse(content);
  if (read.success) return read.data;
  throw wrong(read.error.issues.map(({ path, message }) => `${path.join(".") || "the whole"}: ${message}`).join("; "));
}

const wrong = (why: string): AppError =>
  new AppError("setup_failed", `The repository's ${file}: ${why}.`, { remedy: "Mend the file on the base branch." });
