import { join } from "node:path";
import { kindAt } from "./guard.ts";
import type { Source } from "./remote.ts";
import type { Identity, RepoBox } from "./repo-box.ts";

const fallback: Identity = { name: "Agenticore", email: "agenticore@localhost" };

/** Who commits (contract 6): the configured identity, else the local repository's, else Agenticore. */
export async function identityFor(box: RepoBox, { address }: Source, signal: AbortSignal): Promise<Identity> {
  if (box.options.identity !== undefined) return box.options.identity;
  if (address.scheme !== "local") return fallback;
  const inner = join(address.path, ".git");
  const gitDir = (await kindAt(inner)) === "nothing" ? address.path : inner;
  // `git config` only reads files. The person's own configuration counts here, and nowhere else.
  const read = await box
    .git({
      place: { gitDir },
      args: ["config", "--null", "--get-regexp", "^user\\.(name|email)$"],
      env: { GIT_CONFIG_GLOBAL: join(box.options.personHome ?? "/nonexistent", ".gitconfig") },
      cwd: box.blank,
      answers: [1],
      signal,
    })
    .catch(() => undefined);
  signal.throwIfAborted();
  const values = new Map(read?.text.split("\0").map((entry) => entry.split("\n", 2) as [string, string | undefined]));
  const name = values.get("user.name")?.trim();
  const email = values.get("user.email")?.trim();
  return { name: name || fallback.name, email: email || fallback.email };
}
