import type { Config } from "../shared/config-keys.ts";
import { AppError } from "../shared/error.ts";
import { defaultAllowedRepos } from "../shared/repo-allowed.ts";
import type { ApiSettings } from "./deps.ts";

/** The API's part of the configuration; `host` is the address that is listened on. */
export function apiSettings(config: Config, host: string): ApiSettings {
  const open = config.apiKeys.length === 0;
  const loopback = isLoopbackHost(host);
  return {
    apiKeys: config.apiKeys,
    loopbackOnly: open && loopback,
    corsOrigins: config.corsOrigins,
    defaultProfile: config.defaultProfile,
    maxAttempts: config.maxAttempts,
    jobTtlSeconds: config.jobTtl,
    queueTtlSeconds: config.queueTtl,
    allowedRepos: config.allowedRepos ?? defaultAllowedRepos,
    repoRules: {
      // One person alone: on a loopback address, without keys, with the embedded store (contract 6).
      localByDefault: open && loopback && config.redisUrl === undefined && config.allowedRepos === undefined,
    },
  };
}

/**
 * Without keys only a loopback address is served, unless that is asked for by name.
 * @throws AppError `forbidden`.
 */
export function checkBind(config: Pick<Config, "apiKeys" | "allowUnauthenticated">, host: string): void {
  if (config.apiKeys.length > 0 || config.allowUnauthenticated || isLoopbackHost(host)) return;
  throw new AppError("forbidden", `Without API keys only a loopback address is served, and ${host} is none.`, {
    remedy:
      "Set AGENTICORE_API_KEYS, or bind 127.0.0.1; AGENTICORE_ALLOW_UNAUTHENTICATED=true lets anybody who reaches the port run code.",
  });
}

/** `localhost`, 127.0.0.0/8 (RFC 6890) and ::1, with or without brackets; names are not looked up. */
export const isLoopbackHost = (host: string): boolean => /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
