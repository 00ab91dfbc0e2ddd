import type { Context } from "hono";
import { Scope } from "../shared/api-key.ts";
import { AppError } from "../shared/error.ts";
import { wantsKeys } from "../shared/wants-keys.ts";
import type { ApiEnv, Caller } from "./asked.ts";
import { clientAddress } from "./auth/client-address.ts";
import { configuredKeys } from "./auth/configured-keys.ts";
import { type Credential, credentialsOf, isRefusal, type Way, type Ways } from "./auth/credential.ts";
import { failedAttempts } from "./auth/failed-attempts.ts";
import { storedKeys } from "./auth/stored-keys.ts";
import type { accessTokens as AccessTokens } from "./auth/tokens.ts";
import type { ApiDeps } from "./deps.ts";
import type { Step } from "./in-turn.ts";

/** Who everybody is where nobody is asked: the person at this machine. */
export const nobody: Caller = { tenant: "local", name: "local", scopes: Scope.options };

const metadataPath = "/.well-known/oauth-protected-resource";
const publicPaths: readonly string[] = ["/health", metadataPath, `${metadataPath}/mcp`];

/**
 * Who asks: a key by `Authorization: Bearer` (RFC 6750, 2.1) or `X-API-Key`, or a token by the first; never by the address,
 * which ends up in logs.
 * @throws AppError `unauthorized`; RateLimited where too much from there was not valid; `store_unavailable` where a key
 * cannot be looked up; HttpError 503 where a token cannot be checked.
 */
export function authenticate(deps: ApiDeps): Step {
  const { apiKeys, requireKeys = false, oauth, addressHeader } = deps.settings;
  const isAsked = wantsKeys({ apiKeys, requireKeys, oauthIssuers: oauth?.issuers ?? [] });
  const configured = configuredKeys(apiKeys);
  const keys: readonly Way[] = [configured, storedKeys(deps)];
  const { fetch } = deps;
  const tokens: readonly Way[] = oauth && fetch ? [tokensWhenAsked({ clock: deps.clock, fetch, oauth })] : [];
  const metadata = oauth && metadataOf(new URL(oauth.resource));
  const attempts = failedAttempts(deps);

  const ways: Ways = { header: keys, bearer: [...keys, ...tokens] };
  const admit = (c: Context<ApiEnv>, credential: Credential, caller: Caller): undefined => {
    attempts.succeeded(credential.text);
    const asked = c.get("asked");
    asked.credential = credential;
    asked.caller = caller;
  };
  const identify = (c: Context<ApiEnv>): Promise<undefined> | undefined => {
    const all = credentialsOf(c, ways);
    const address = () => clientAddress(c, addressHeader);
    const [given] = all;
    if (!given) throw new AppError("unauthorized", "This server wants an API key, and none was sent.");
    attempts.check(address, given.text);
    // What the configuration has needs nobody to be waited for.
    const caller = configured(given.text);
    return caller && !(caller instanceof Promise) ? admit(c, given, caller) : ask(c, all, address);
  };
  const ask = async (
    c: Context<ApiEnv>,
    all: readonly Credential[],
    address: () => string | undefined,
  ): Promise<undefined> => {
    for (const given of all) {
      attempts.check(address, given.text);
      const caller = await given.recognise().catch((error: unknown) => {
        if (isRefusal(error)) attempts.failed(address);
        throw error;
      });
      if (caller) return admit(c, given, caller);
    }
    attempts.failed(address);
    throw new AppError("unauthorized", "This API key is not valid.");
  };
  const before = (c: Context<ApiEnv>): Promise<undefined> | undefined => {
    const asked = c.get("asked");
    asked.resourceMetadata = metadata;
    if (!isAsked) asked.caller = nobody;
    else if (!publicPaths.includes(c.req.path)) return identify(c);
    return undefined;
  };
  return { before };
}

/** Where the resource's metadata is: the well-known path goes between its host and its own path (RFC 9728, 3.1). */
const metadataOf = ({ origin, pathname }: URL): string => `${origin}${metadataPath}${pathname.replace(/\/$/, "")}`;

/** The check of tokens, loaded with the first of them. */
function tokensWhenAsked(facts: Parameters<typeof AccessTokens>[0]): Way {
  let made: Promise<Way> | undefined;
  return async (given) => {
    made ??= import("./auth/tokens.ts").then(({ accessTokens }) => accessTokens(facts));
    return await (await made)(given);
  };
}
