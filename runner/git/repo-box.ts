import { spawn } from "node:child_process";
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { RepoAddress } from "../../shared/repo-url.ts";
import { type Flights, makeFlights } from "./flight.ts";
import { restoreFile } from "./guard.ts";
import type { Fetched, RemoteRefs } from "./remote-answer.ts";
import { makeRepoLock, type RepoLock } from "./repo-lock.ts";
import type { Roots } from "./repo-place.ts";
import { type Git, makeGit } from "./run-git.ts";
import { poolName } from "./shared-repos.ts";
import { vaultSkeleton, writeSkeleton } from "./skeleton.ts";
import { makeStoreLock, type StoreLockDeps } from "./store-lock.ts";
import { makeTrash, type Trash } from "./trash.ts";
import { openWarmList, type WarmList } from "./warm-list.ts";

export type Identity = Readonly<{ name: string; email: string }>;
export type Credentials = Readonly<{
  username: string;
  password: string;
  /** What may be tried once more where these were refused: the right of a moment ago may be over. */
  another?: () => Promise<Credentials | undefined>;
}>;

export type RepoOptions = Readonly<{
  reposRoot: string;
  worktreeRoot: string;
  /** Ours alone, mode 0700: configuration copies, records of trees, credentials while git runs. */
  stateDir: string;
  /** Absolute path of git. */
  gitBinary: string;
  /** Put before git's argv; by default what makes git end with us, where this machine has it. */
  gitWrapper?: readonly string[];
  /** Author of what we commit; by default the local repository's, else `Agenticore <agenticore@localhost>`. */
  identity?: Identity;
  /** The person's home, read only for the identity in `~/.gitconfig`. */
  personHome?: string;
  /**
   * What to log in with at a repository; undefined: nothing. Asked before each command, so that long jobs have what is good
   * then. An AppError is thrown on where the command fails without a login.
   */
  credentials?: (address: RepoAddress) => Promise<Credentials | undefined>;
  /** Whether this repository may be used; asked again with a local folder's real path. */
  isAllowed?: (address: RepoAddress) => boolean;
  /** Proxy and CA variables, SSH_AUTH_SOCK: for fetch and push only. */
  networkEnv?: Readonly<Record<string, string>>;
  /** Warm trees kept per repository; 0 for none. */
  poolSize?: number;
  checkoutWorkers?: number;
  /** Loose objects in one of their 256 folders above which the sweep packs them. */
  packAbove?: number;
  /** For one fetch or push; milliseconds. */
  networkTimeoutMs?: number;
  lockWaitSeconds?: number;
  /** Other machines write to `reposRoot` too, at the same path: their runners are kept apart by locks in this store. */
  shared?: Omit<StoreLockDeps, "log">;
  now?: () => number;
  log?: (sentence: string) => void;
}>;

export type Counters = { fetches: number; lookups: number; spawns: number; poolHits: number; rebuilds: number };

/** What the parts of this folder share. Made once by openRepos. */
export type RepoBox = Readonly<{
  options: RepoOptions & Pick<Roots, "sharedPool">;
  settings: Readonly<{ poolSize: number; checkoutWorkers: number; packAbove: number; networkTimeoutMs: number }>;
  now: () => number;
  log: (sentence: string) => void;
  git: Git;
  lock: RepoLock;
  trash: Trash;
  /** An empty repository: where commands run that need none. */
  blank: string;
  credentialsDir: string;
  counters: Counters;
  lookups: Flights<RemoteRefs>;
  fetches: Flights<Fetched>;
  warm: WarmList;
  /** Times that tampering with a mirror was seen, by key: a tree that lived through one is not used again. */
  tampers: Map<string, number>;
}>;

/** Makes the folders and settles the options. All roots become real paths, which git compares. */
export async function makeRepoBox(asked: RepoOptions): Promise<RepoBox> {
  const options = {
    ...asked,
    reposRoot: await privateFolder(asked.reposRoot),
    worktreeRoot: await privateFolder(asked.worktreeRoot),
    stateDir: await privateFolder(asked.stateDir),
  };
  const { shared, worktreeRoot } = options;
  const home = await privateFolder(join(options.stateDir, "home"));
  const blank = join(options.stateDir, "blank");
  await writeSkeleton(blank, vaultSkeleton("sha1"));
  const globalConfig = join(options.stateDir, "gitconfig");
  await restoreFile(globalConfig, { name: "gitconfig", text: baseConfig });
  const log = asked.log ?? (() => undefined);
  const now = asked.now ?? Date.now;
  const counters = { fetches: 0, lookups: 0, spawns: 0, poolHits: 0, rebuilds: 0 };
  const wrapper = asked.gitWrapper ?? (await diesWithUs());
  const onSpawn = () => {
    counters.spawns += 1;
  };
  return {
    options: shared === undefined ? options : { ...options, sharedPool: await poolName(worktreeRoot) },
    settings: {
      poolSize: asked.poolSize ?? 2,
      checkoutWorkers: asked.checkoutWorkers ?? 8,
      // git's own measure for "about 6,700 loose objects" (git-gc(1), gc.auto).
      packAbove: asked.packAbove ?? 27,
      networkTimeoutMs: asked.networkTimeoutMs ?? 30 * 60_000,
    },
    now,
    log,
    git: makeGit({ binary: asked.gitBinary, wrapper, globalConfig, home, onSpawn }),
    lock: makeRepoLock({
      waitSeconds: asked.lockWaitSeconds ?? 1_800,
      overMachines: shared && makeStoreLock({ ...shared, log }),
    }),
    trash: makeTrash(log),
    blank,
    credentialsDir: await privateFolder(join(options.stateDir, "credentials", String(process.pid))),
    counters,
    lookups: makeFlights<RemoteRefs>({ fresh: true }),
    fetches: makeFlights<Fetched>({ fresh: false }),
    warm: await openWarmList({ ...options, now }),
    tampers: new Map(),
  };
}

/** All that git reads at the user's level. `safe` folders are added for one local repository at a time. */
const baseConfig = "[credential]\n\thelper =\n[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n";

/** A configuration file that also lets git read these folders when another user owns them (git-config(1), safe.directory). */
export async function writeGlobalConfig(path: string, safe: readonly string[]): Promise<void> {
  const quoted = safe.map((folder) => `\tdirectory = "${folder.replace(/[\\"]/g, "\\$&")}"\n`);
  await restoreFile(path, { name: "gitconfig", text: `${baseConfig}[safe]\n${quoted.join("")}` });
}

/** What makes a git end when we are killed (PR_SET_PDEATHSIG), where this machine's setpriv(1) can do it. */
async function diesWithUs(): Promise<readonly string[]> {
  const wrapper = ["setpriv", "--pdeathsig", "KILL", "--"];
  const [program = "", ...args] = wrapper;
  const works = await new Promise<boolean>((resolve) => {
    spawn(program, [...args, "true"], { env: { PATH: "/usr/bin:/bin" }, stdio: "ignore" })
      .once("error", () => resolve(false))
      .once("exit", (code) => resolve(code === 0));
  });
  return works ? wrapper : [];
}

async function privateFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  return await realpath(path);
}
