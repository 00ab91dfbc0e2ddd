import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A bare repository is these few files (gitrepository-layout(5)); writing them is quicker than `git init`. */
export type Skeleton = Readonly<{
  files: Readonly<Record<string, string>>;
  folders: readonly string[];
  links: Readonly<Record<string, string>>;
}>;

/** The hash that the remote uses: told by the length of its object names. */
export type ObjectFormat = "sha1" | "sha256";
export const formatOf = (sha: string): ObjectFormat => (sha.length === 64 ? "sha256" : "sha1");

/** No branch of this name is ever made: a bare repository's HEAD must name something. */
const head = "ref: refs/heads/agenticore/none\n";
/** Parents first: a link in the place of one would move all that is below it. */
const folders = ["objects", "objects/pack", "objects/info", "refs", "refs/heads", "refs/tags"];

const config = (format: ObjectFormat, more: Readonly<Record<string, readonly string[]>> = {}) => {
  const sections: Record<string, readonly string[]> = {
    core: [`repositoryformatversion = ${format === "sha256" ? 1 : 0}`, "filemode = true", "bare = true"],
    // What no branch names yet may be what another job's git has just written.
    gc: ["auto = 0", "pruneExpire = never", "worktreePruneExpire = never"],
    maintenance: ["auto = false"],
    ...more,
  };
  if (format === "sha256") sections["extensions"] = ["objectformat = sha256"];
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.map((line) => `\t${line}\n`).join("")}`)
    .join("");
};

/** What a mirror has; where one of these is no folder, an agent has put something in its place. */
export const mirrorFolders = [...folders, "worktrees"];

/** What the agents' git reads: housekeeping is off, or harmless, since it would run beside other jobs. */
export const mirrorSkeleton = (format: ObjectFormat, vault: string): Skeleton => ({
  files: { HEAD: head, config: config(format), "objects/info/alternates": `${join(vault, "objects")}\n` },
  folders: mirrorFolders,
  links: {},
});

export const vaultSkeleton = (format: ObjectFormat): Skeleton => ({
  files: { HEAD: head, config: config(format) },
  folders,
  links: {},
});

/** Our way into the mirror: the same objects, refs and worktrees under a configuration of our own. */
export const viewSkeleton = (format: ObjectFormat, mirror: string, checkoutWorkers: number): Skeleton => ({
  files: {
    HEAD: head,
    config: config(format, {
      checkout: [`workers = ${checkoutWorkers}`, "thresholdForParallelism = 100"],
      submodule: ["recurse = false"],
      diff: ["ignoreSubmodules = all"],
      core: [
        `repositoryformatversion = ${format === "sha256" ? 1 : 0}`,
        "filemode = true",
        "bare = true",
        "logAllRefUpdates = false",
      ],
      commit: ["gpgSign = false"],
      push: ["gpgSign = false", "recurseSubmodules = no"],
    }),
  },
  folders: [],
  links: Object.fromEntries(["objects", "refs", "packed-refs", "worktrees"].map((name) => [name, join(mirror, name)])),
});

/** Writes a skeleton into a folder that has none of its parts yet. */
export async function writeSkeleton(folder: string, skeleton: Skeleton): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of skeleton.folders) await mkdir(join(folder, name), { recursive: true });
  for (const [name, text] of Object.entries(skeleton.files)) await writeFile(join(folder, name), text);
  for (const [name, target] of Object.entries(skeleton.links)) await symlink(target, join(folder, name));
}
