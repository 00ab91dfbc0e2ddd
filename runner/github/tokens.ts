import type { Config } from "../../shared/config-keys.ts";
import type { Redact } from "../../shared/redact.ts";
import { Secret } from "../../shared/secret.ts";
import { readAppKey } from "./app-key.ts";
import { type GithubClientOptions, githubClient } from "./client.ts";
import { openInstallations, type Rights } from "./installation.ts";
import type { GithubRepository } from "./repository.ts";

/** What is presented to GitHub for one repository. */
export type Access = Readonly<{
  token: Secret;
  /** Of an App's token: what it may do there. What any other may do, only GitHub knows. */
  rights?: Readonly<Record<string, string>>;
}>;
/** `lastsMs`: how long it must be good yet, where it can be; never less than 5 minutes. */
export type Want = Readonly<{ rights: Rights; lastsMs?: number }>;

export interface Tokens {
  /**
   * The GitHub App's token for this repository alone, else GITHUB_TOKEN, else undefined.
   * @throws AppError `auth_failed`, `rate_limited` or `pr_failed` where an App is configured and GitHub gives it none.
   */
  find: (repo: GithubRepository, want: Want) => Promise<Access | undefined>;
  /** GitHub has refused this one. True where `find` will give another. */
  refused: (access: Access) => boolean;
  /** Takes out of a text every token of the App that may be good yet. */
  hide: Redact;
}

const marginMs = 5 * 60_000;
/** Clocks run apart: what GitHub may take for good a little longer is hidden a little longer. */
const hiddenMs = 10 * 60_000;

type Kept = Readonly<{ access: Access; until: number }>;

/** The tokens of this runner. No key is read and nobody is asked before the first one is wanted. */
export function openTokens(config: Config, options: GithubClientOptions): Tokens {
  const { clock } = options;
  const own: Access | undefined = config.githubToken && { token: config.githubToken };
  const kept = new Map<string, Promise<Kept | undefined>>();
  const out = new Map<string, number>();
  let app: ReturnType<typeof openApp> | undefined;

  async function ofApp(repo: GithubRepository, { rights, lastsMs = 0 }: Want): Promise<Access | undefined> {
    const key = JSON.stringify([`${repo.owner}/${repo.name}`.toLowerCase(), rights]);
    const last = kept.get(key);
    const have = await last?.catch(() => undefined);
    if (have && clock.uptime() < have.until - Math.max(lastsMs, marginMs)) return have.access;
    // Who asked meanwhile has made a new one already.
    if (kept.get(key) === last) kept.set(key, mint(repo, rights));
    return (await kept.get(key))?.access;
  }
  async function mint(repo: GithubRepository, rights: Rights): Promise<Kept | undefined> {
    app ??= openApp(config, options);
    const asked = clock.uptime();
    const minted = await (await app).mint(repo, rights);
    if (!minted) return undefined;
    const until = asked + minted.lastsMs;
    out.set(minted.value, until + hiddenMs);
    return { access: { token: new Secret(minted.value), rights: minted.rights }, until };
  }
  return {
    find: async (repo, want) => (config.githubAppId === undefined ? undefined : await ofApp(repo, want)) ?? own,
    refused: (access) => {
      if (access === own || access.rights === undefined) return false;
      kept.clear();
      void app?.then((installations) => installations.forget()).catch(() => undefined);
      return true;
    },
    hide: (text) => {
      for (const [value, until] of out) if (until < clock.uptime()) out.delete(value);
      return [...out.keys()].reduce((rest, value) => rest.replaceAll(value, "[redacted]"), text);
    },
  };
}

/** A key that cannot be used is read again the next time: somebody may have mended it. */
async function openApp(config: Config, options: GithubClientOptions) {
  const appId = config.githubAppId ?? "";
  const request = githubClient(options, { appId, privateKey: await readAppKey(config) });
  const installationId =
    config.githubAppInstallationId === undefined ? undefined : Number(config.githubAppInstallationId);
  return openInstallations({ request, appId, installationId, clock: options.clock });
}
