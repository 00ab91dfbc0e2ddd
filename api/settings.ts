import type { Budgets } from "../shared/budget.ts";
import type { Config } from "../shared/config-keys.ts";
import { AppError } from "../shared/error.ts";
import { isLoopbackHost, repoRules } from "../shared/repo-rules.ts";
import { type KeyFacts, wantsKeys } from "../shared/wants-keys.ts";
import type { ApiSettings } from "./deps.ts";

/** The API's part of the configuration; `host` is the address that is listened on, `isEdge` says that this is a Worker. */
export function apiSettings(config: Config, host: string, isEdge = false): ApiSettings {
  return {
    apiKeys: config.apiKeys,
    requireKeys: config.requireKeys,
    ratePerMinute: config.ratePerMinute,
    ...(config.addressHeader === undefined ? {} : { addressHeader: config.addressHeader }),
    ...oauthOf(config),
    loopbackOnly: !wantsKeys(config) && isLoopbackHost(host),
    corsOrigins: config.corsOrigins,
    defaultProfile: config.defaultProfile,
    rules: config.routerRules,
    maxAttempts: config.maxAttempts,
    jobTtlSeconds: config.jobTtl,
    queueTtlSeconds: config.queueTtl,
    budgets: budgetsOf(config),
    isRepoAllowed: repoRules(config, host),
    receivers: { allowed: config.notifyAllowed, hasSecret: config.notifySecret.length > 0, isEdge },
  };
}

function budgetsOf({ budgetTotal, budgetPerKey, budgetPerRepo, budgetPerJob }: Config): Budgets {
  return {
    ...(budgetTotal === undefined ? {} : { total: budgetTotal }),
    ...(budgetPerKey === undefined ? {} : { perKey: budgetPerKey }),
    ...(budgetPerRepo === undefined ? {} : { perRepo: budgetPerRepo }),
    ...(budgetPerJob === undefined ? {} : { perJob: budgetPerJob }),
  };
}

/** @throws AppError `invalid_request` where the resource is missing, or not where this server tells of it. */
function oauthOf({ oauthIssuers, oauthResource, oauthScopes }: Config): Pick<ApiSettings, "oauth"> {
  if (oauthIssuers.length === 0) return {};
  if (oauthResource === undefined || !/^(?:\/|\/mcp\/?)$/.test(new URL(oauthResource).pathname))
    throw new AppError(
      "invalid_request",
      oauthResource === undefined
        ? "AGENTICORE_OAUTH_ISSUERS is set, and AGENTICORE_OAUTH_RESOURCE is not, so tokens made for other servers would be taken here."
        : `AGENTICORE_OAUTH_RESOURCE must be the address of this server or of its /mcp, and is ${oauthResource}.`,
      { remedy: "Set it to the public address that clients are given, as https://agents.example/mcp." },
    );
  const scopes = oauthScopes === undefined ? {} : { scopes: oauthScopes };
  return { oauth: { issuers: oauthIssuers, resource: oauthResource, ...scopes } };
}

/**
 * Without keys only a loopback address is served, unless that is asked for by name.
 * @throws AppError `forbidden`.
 */
export function checkBind(config: KeyFacts & Pick<Config, "allowUnauthenticated">, host: string): void {
  if (wantsKeys(config) || config.allowUnauthenticated || isLoopbackHost(host)) return;
  throw new AppError("forbidden", `Without API keys only a loopback address is served, and ${host} is none.`, {
    remedy:
      "Set AGENTICORE_API_KEYS, or AGENTICORE_REQUIRE_KEYS=true for keys of `agenticore keys create`, or bind 127.0.0.1; AGENTICORE_ALLOW_UNAUTHENTICATED=true lets anybody who reaches the port run code.",
  });
}
