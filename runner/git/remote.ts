import { randomUUID } from "node:crypto";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../shared/error.ts";
import type { RepoAddress } from "../../shared/repo-url.ts";
import { GitFailure } from "./git-failure.ts";
import type { Credentials, RepoBox } from "./repo-box.ts";
import type { RepoPlace } from "./repo-place.ts";
import type { GitAnswer, GitRun } from "./run-git.ts";

/** A repository that jobs work on, and the folders that we keep for it. */
export type Source = Readonly<{ address: RepoAddress; place: RepoPlace }>;

/** A command whose arguments name the repository by the address that it is given. */
type RemoteRun = Omit<GitRun, "args"> & Readonly<{ args: (url: string) => readonly string[] }>;

export const protocolOf = ({ scheme }: RepoAddress) => (scheme === "local" ? "file" : scheme);

/**
 * Runs a git command that talks to the repository. Only these commands ever see credentials: in a file of
 * mode 0600 that a helper prints, which git asks only for this very host, with redirects refused, since git
 * would send the header on to the other host (measured).
 */
export async function runRemote(box: RepoBox, source: Source, run: RemoteRun): Promise<GitAnswer> {
  const { address } = source;
  const remote = address.scheme === "http" || address.scheme === "https";
  let refused: AppError | undefined;
  const credentials = remote
    ? await box.options.credentials?.(address).catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
        refused = error; // what is public can be read all the same
        return undefined;
      })
    : undefined;
  try {
    return await runWith(box, source, { ...run, credentials });
  } catch (error) {
    if (!(error instanceof GitFailure) || (error.kind !== "auth" && error.kind !== "no-repo")) throw error;
    if (refused) throw refused;
    const others = await credentials?.another?.();
    if (!others) throw error;
    return await runWith(box, source, { ...run, credentials: others });
  }
}

/** The same as somebody who has no login there. */
export const runAnonymous = (box: RepoBox, source: Source, run: RemoteRun): Promise<GitAnswer> =>
  runWith(box, source, { ...run, credentials: undefined });

type LoggedIn = RemoteRun & Readonly<{ credentials: Credentials | undefined }>;

async function runWith(
  box: RepoBox,
  { address, place }: Source,
  { credentials, ...run }: LoggedIn,
): Promise<GitAnswer> {
  const login = await loginFor(box, address, credentials);
  const at = (url: string) =>
    box.git({
      timeoutMs: box.settings.networkTimeoutMs,
      ...run,
      args: run.args(url),
      protocol: protocolOf(address),
      config: [...login.config, ...(run.config ?? [])],
      env: { GIT_CONFIG_GLOBAL: place.globalConfig, ...box.options.networkEnv, ...login.env, ...run.env },
    });
  try {
    return await at(address.url).catch(async (error: unknown) => {
      if (!(error instanceof GitFailure) || error.kind !== "redirect" || address.url.endsWith(".git")) throw error;
      // Some servers send `…/src` on to `…/src.git`; that is the same host, and asked for by ourselves.
      return await at(`${address.url}.git`).catch(() => Promise.reject(error));
    });
  } finally {
    await login.forget();
  }
}

type Login = Readonly<{
  config: readonly (readonly [string, string])[];
  env: Readonly<Record<string, string>>;
  forget: () => Promise<void>;
}>;
const nothing = async () => undefined;

async function loginFor(box: RepoBox, { scheme, url }: RepoAddress, found: Credentials | undefined): Promise<Login> {
  if (scheme === "local") return { config: [], env: {}, forget: nothing };
  if (scheme === "ssh") return { config: [], env: { GIT_SSH_COMMAND: ssh, GIT_SSH_VARIANT: "ssh" }, forget: nothing };
  const base = [
    ["http.followRedirects", "false"],
    ["http.lowSpeedLimit", "100"],
    ["http.lowSpeedTime", "120"],
    ["credential.helper", ""],
  ] as const;
  const { host, origin } = new URL(url);
  if (found === undefined) return { config: base, env: {}, forget: nothing };
  if (/[\n\r\0]/.test(found.username + found.password))
    throw new AppError("auth_failed", `the credentials for ${host} contain a line break`);
  const file = join(box.credentialsDir, randomUUID());
  await writeFile(file, `username=${found.username}\npassword=${found.password}\n`, { mode: 0o600, flag: "wx" });
  return {
    config: [...base, [`credential.${origin}.helper`, helper]],
    env: { AGENTICORE_GIT_LOGIN: file },
    forget: () => unlink(file),
  };
}

/** Never asks a person, never hangs on a dead line; an unknown host key is refused. */
const ssh = "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=30 -oServerAliveInterval=20";

/** git-credential(1): called with `get`, `store` or `erase`; only the first is answered. */
const helper = '!f() { test "$1" = get && cat "$AGENTICORE_GIT_LOGIN"; }; f';
