import { join } from "node:path";
import type { Config } from "../shared/config-keys.ts";
import type { Lease } from "../shared/store.ts";
import { tmpFolder } from "./tmp-folder.ts";

/** The folders of a runner. All are 0700; what is in `runs` and `sessions` an agent has touched. */
export type Places = Readonly<{
  data: string;
  runs: string;
  /** Ends of attempts that the store has not confirmed; nothing an agent sees. */
  endings: string;
  sessions: string;
  git: string;
  repos: string;
  worktrees: string;
}>;

export const placesOf = (config: Pick<Config, "dataDir" | "reposRoot" | "worktreeRoot" | "sharedFsRoot">): Places => ({
  data: config.dataDir,
  runs: join(config.dataDir, "runs"),
  endings: join(config.dataDir, "spool", "endings"),
  sessions: join(config.sharedFsRoot ?? config.dataDir, "sessions"),
  git: join(config.dataDir, "git"),
  repos: config.reposRoot,
  worktrees: config.worktreeRoot,
});

/** One job's own folders. All but the temporary one are the same over its attempts on this box. */
export type JobPlaces = Readonly<{ run: string; config: string; work: string; tmp: string }>;

export function jobPlaces({ runs }: Places, lease: Lease, tmpRoot: string): JobPlaces {
  const run = join(runs, lease.job);
  return { run, config: join(run, "claude"), work: join(run, "work"), tmp: tmpFolder(tmpRoot, lease) };
}
