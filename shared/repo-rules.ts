import type { Config } from "./config-keys.ts";
import { defaultAllowedRepos, isRepoAllowed } from "./repo-allowed.ts";
import type { RepoAddress } from "./repo-url.ts";
import { type KeyFacts, wantsKeys } from "./wants-keys.ts";

type Keys = KeyFacts & Pick<Config, "redisUrl" | "allowedRepos">;

/**
 * Which repositories this installation may use (contract 6, AGENTICORE_ALLOWED_REPOS). Local folders need not be named
 * where one person uses it alone: on a loopback address, without keys, with the embedded store.
 */
export function repoRules(config: Keys, host: string): (address: RepoAddress) => boolean {
  const { redisUrl, allowedRepos } = config;
  const localByDefault =
    !wantsKeys(config) && isLoopbackHost(host) && redisUrl === undefined && allowedRepos === undefined;
  return (address) => isRepoAllowed(address, allowedRepos ?? defaultAllowedRepos, { localByDefault });
}

/** `localhost`, 127.0.0.0/8 (RFC 6890) and ::1, with or without brackets; names are not looked up. */
export const isLoopbackHost = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
