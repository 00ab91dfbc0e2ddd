import { createHash } from "node:crypto";
import { join } from "node:path";
import type { GitPlace } from "./run-git.ts";

/** The folders that belong to one repository. All are real paths. */
export type RepoPlace = Readonly<{
  /** First 12 hex digits of SHA-256 of the canonical address (contract 6). */
  key: string;
  home: string;
  /** What worktrees belong to: the agents' git writes here, so it is hostile to us. */
  mirror: string;
  /** Bare, no worktree belongs to it: fetched into and pushed from with credentials. The mirror borrows its objects. */
  vault: string;
  /** Our own files about this repository; no agent reaches them. */
  state: string;
  /**
   * The mirror as our git sees it: links to its objects, refs and worktrees, but a configuration, hooks and info
   * of our own. So nothing that an agent writes between a check and a command is ever read as configuration.
   */
  view: string;
  /** Records of our worktrees, and their indexes as they were at checkout. */
  trees: string;
  /** Warm trees that lie in this box's folder of worktrees. */
  pool: string;
  /** Where the pools of all boxes are, each in a folder of its own; absent where there is one box. */
  pools?: string;
  /** Where this box's lock files are. */
  locks: string;
  globalConfig: string;
}>;

export const repoKey = (canonical: string): string => createHash("sha256").update(canonical).digest("hex").slice(0, 12);

export type Roots = Readonly<{
  reposRoot: string;
  stateDir: string;
  /**
   * Set where `reposRoot` is shared with other machines: the name of this one's pool. What all must know lies beside the
   * mirror then, and lock files do not: on network file systems they hold apart at best the processes of one machine.
   */
  sharedPool?: string | undefined;
}>;

export function repoPlace(key: string, { reposRoot, stateDir, sharedPool }: Roots): RepoPlace {
  const home = join(reposRoot, key);
  const state = join(stateDir, key);
  const pools = join(home, "pools");
  return {
    key,
    home,
    mirror: join(home, "repo"),
    vault: join(home, "vault"),
    state,
    view: join(state, "view"),
    ...(sharedPool === undefined
      ? { trees: join(state, "trees"), pool: join(state, "pool"), locks: home }
      : { trees: join(home, "trees"), pool: join(pools, sharedPool), pools, locks: state }),
    globalConfig: join(state, "global.gitconfig"),
  };
}

/** What a lock is taken on. The two are apart so that no start waits for another's fetch. */
export type Lockable = Readonly<{
  /** Of the lock in the store (contract 6: `{prefix}:lock:clone:{hash}`). */
  name: string;
  file: string;
}>;

/** One writer at a time in the vault: fetches, what a push brings in, housekeeping. */
export const vaultOf = ({ key, locks }: RepoPlace): Lockable => ({ name: `clone:${key}`, file: join(locks, ".lock") });

/** One writer of ours at a time in the mirror: entries of worktrees, branches. */
export const mirrorOf = ({ key, locks }: RepoPlace): Lockable => ({
  name: `clone:${key}:trees`,
  file: join(locks, ".repo.lock"),
});

/** For commands about the mirror as a whole. */
export const inView = ({ view }: RepoPlace): GitPlace => ({ gitDir: view, commonDir: view });

/** For commands in one worktree; its own `.git` file is not read. */
export const inTree = (place: RepoPlace, tree: Readonly<{ path: string; admin: string }>): GitPlace => ({
  gitDir: join(place.mirror, "worktrees", tree.admin),
  commonDir: place.view,
  workTree: tree.path,
});
