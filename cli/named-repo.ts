import { toAppError } from "../shared/error.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit-code.ts";
import { absoluteRepo, isFolder } from "./local-folder.ts";

/**
 * The repository that a person names: an address as it is, a folder by its absolute path.
 * @throws UsageError where there is no such folder, and for what no server takes (contract 2, Repositories).
 */
export async function namedRepo(word: string, cli: Pick<CliContext, "env" | "home" | "cwd">): Promise<string> {
  if (word.trim() === "")
    throw new UsageError("The repository is empty; give a folder (`.` is this one) or an address.");
  const isLocal = isFolder(word);
  const repo = isLocal ? await absoluteRepo(word, cli) : word;
  try {
    parseRepoUrl(repo);
    return repo;
  } catch (error) {
    const { errors, message, remedy } = toAppError(error);
    const why = errors[0]?.message ?? message;
    // An address may hold a password; a folder is often not the one that was typed.
    throw new UsageError(
      isLocal
        ? `The path of the repository ${repo} ${why}: move it to a folder whose path has none, or clone it there.`
        : `The repository's address ${why}. ${remedy}`,
    );
  }
}
