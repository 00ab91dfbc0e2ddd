import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { boxOf, sharedBox } from "../shared/box-queue.ts";
import type { Clock } from "../shared/clock.ts";
import type { Config } from "../shared/config-keys.ts";
import { AppError } from "../shared/error.ts";
import type { Job } from "../shared/job.ts";
import type { Log } from "../shared/log.ts";
import type { Redact } from "../shared/redact.ts";
import { repoRules } from "../shared/repo-rules.ts";
import type { JobStore } from "../shared/store.ts";
import { startBroker } from "./broker/broker.ts";
import { startUsageReceiver } from "./claude/usage-receiver.ts";
import { openCredentialPool } from "./credential-pool.ts";
import { findProgram } from "./find-program.ts";
import { openRepos, type Repos } from "./git/repos.ts";
import { type Github, openGithub } from "./github/github.ts";
import { hiddenValues } from "./hidden-values.ts";
import type { LeaseTimes } from "./keep-lease.ts";
import { type Places, placesOf } from "./places.ts";
import { openInstance } from "./process/instance.ts";
import { probeSandbox } from "./process/probe-sandbox.ts";
import { settingsChecker } from "./profile/check-settings.ts";
import { flagAsker } from "./profile/claude-flags.ts";
import { loadProfiles } from "./profile/load-profiles.ts";
import { profilePlaces } from "./profile/profile-places.ts";
import { profileSecrets } from "./profile/profile-secrets.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { openSessionCopies } from "./session-copies.ts";
import { openSharedRoot } from "./shared-root.ts";
import { openTelemetry } from "./telemetry/telemetry.ts";

export type RunnerStart = Readonly<{
  config: Config;
  store: JobStore;
  /** Where the store is that other boxes share, by Redis or an API; without it that of REDIS_URL, or of this box alone. */
  storeUrl?: string | undefined;
  clock: Clock;
  log: Log;
  redact: Redact;
  fetch: typeof globalThis.fetch;
  /** The process's environment: what of it reaches Claude is decided per job. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  version: string;
  packageRoot: string;
  /** Milliseconds between two announcements to the store while nothing changes; readers expect one within 90 s. */
  announceMs: number;
  /** Milliseconds after which an idle runner tries to claim although the store told of nothing. */
  idlePollMs: number;
  random: () => number;
  newId: () => string;
}>;

/** The parts, and how they are closed when the runner is over. */
type Assembled = AsyncDisposable & Readonly<{ deps: RunnerDeps }>;

/** Chooses the parts that a runner works with, from its configuration and environment. `tell` says how it is. */
export async function assemble(start: RunnerStart, tell: () => object): Promise<Assembled> {
  const { config, store, clock, log, random, newId, redact, env, packageRoot, cwd } = start;
  const places = placesOf(config);
  const shared = { ...config, redisUrl: start.storeUrl ?? config.redisUrl };
  if (config.sharedFsRoot !== undefined) await shareRoot(config.sharedFsRoot, log);
  for (const folder of Object.values(places)) await mkdir(folder, { recursive: true, mode: 0o700 });
  const instance = await openInstance(places.runs, `${config.podName}/${newId()}`, tell);
  const github = openGithub(config, { fetch: start.fetch, clock, log, redact });
  const claude = { binary: config.claudeBinary, path: env["PATH"] ?? "", cwd };
  const ask = { flags: flagAsker(claude), settings: settingsChecker(claude) };
  const hidden = hiddenValues();
  const hide: Redact = (text) => redact(github.hide(hidden.hide(text)));
  const profiles = () => loadProfiles(profilePlaces(config, packageRoot), ask);
  const learn = async ({ profile }: Job) =>
    hidden.add(await profileSecrets((await profiles()).get(profile), { config, surroundings: env }));
  const deps: RunnerDeps = {
    ...{ store, clock, log, random, newId, config, packageRoot, cwd, places, github },
    redact: hide,
    hide: hidden.add,
    surroundings: env,
    identity: instance.identity,
    tmpRoot: tmpdir(),
    times: leaseTimes(config),
    profiles,
    repos: await repositories(start, { places, github, shared }),
    box: treeBox(shared, places),
    copies: openSessionCopies({ store, config: shared, newId, sessions: places.sessions }),
    usage: await startUsageReceiver(),
    broker: await startBroker(env),
    credentials: openCredentialPool(config.claudeCredentials, clock),
    telemetry: openTelemetry(config, { ...start, redact: hide, learn }),
    sandbox: await probeSandbox({ wanted: config.sandbox, clock, folder: places.data }),
  };
  const close = async () => {
    const parts = [deps.usage, deps.broker, deps.telemetry, deps.repos];
    await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
    await instance[Symbol.asyncDispose]();
  };
  return { deps, [Symbol.asyncDispose]: close };
}

/** A twelfth of the lease between renewals, 5 s while they fail (jobs.md 3); small leases shorten both. */
export function leaseTimes({ leaseSeconds, renewSeconds }: Pick<Config, "leaseSeconds" | "renewSeconds">): LeaseTimes {
  const leaseMs = leaseSeconds * 1000;
  const renewMs = renewSeconds === undefined ? leaseMs / 12 : Math.min(renewSeconds * 1000, leaseMs / 2);
  return { leaseMs, renewMs, urgentMs: Math.min(5_000, renewMs) };
}

const network = /^(https?_proxy|no_proxy|all_proxy|ssl_cert_(file|dir)|git_ssl_cainfo|curl_ca_bundle|ssh_auth_sock)$/i;

async function shareRoot(root: string, log: Log): Promise<void> {
  if ((await openSharedRoot(root)) === "new")
    log.warn("the shared folder was empty: if it should be a mounted disk, see whether it is", { folder: root });
}

/** Other machines reach the same mirrors, and the store that all of them have can keep them apart. */
const isSharedMirror = ({ sharedFsRoot, redisUrl }: Config, { repos }: Places): boolean =>
  sharedFsRoot !== undefined && redisUrl !== undefined && `${repos}/`.startsWith(`${sharedFsRoot}/`);

const treeBox = (config: Config, places: Places): string =>
  isSharedMirror(config, places) && `${places.worktrees}/`.startsWith(`${config.sharedFsRoot}/`)
    ? sharedBox
    : boxOf(config.podName);

type Around = Readonly<{
  places: Places;
  github: Github;
  /** The configuration, with the address of the store that other boxes share, whatever leads there. */
  shared: Config;
}>;

async function repositories(start: RunnerStart, { places, github, shared }: Around): Promise<Repos> {
  const { config, env, log, store, clock, random, newId } = start;
  const git = await findProgram("git", env["PATH"] ?? "");
  if (!git)
    throw new AppError("setup_failed", "git was not found in PATH.", {
      remedy: "Install git 2.36 or newer, then start again.",
    });
  const { gitName: name, gitEmail: email } = config;
  return await openRepos({
    reposRoot: places.repos,
    worktreeRoot: places.worktrees,
    stateDir: places.git,
    gitBinary: git,
    log: (sentence) => log.warn(sentence),
    isAllowed: repoRules(shared, config.host),
    networkEnv: Object.fromEntries(
      Object.entries(env).flatMap(([key, value]) => (network.test(key) && value ? [[key, value]] : [])),
    ),
    poolSize: config.maxParallelJobs,
    ...(isSharedMirror(shared, places)
      ? { shared: { store, clock, random, newId, ttlMs: Math.min(60_000, config.leaseSeconds * 1000) } }
      : {}),
    credentials: github.login,
    ...(env["HOME"] === undefined ? {} : { personHome: env["HOME"] }),
    ...(name !== undefined && email !== undefined ? { identity: { name, email } } : {}),
  });
}
