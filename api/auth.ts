import type { MiddlewareHandler } from "hono";
import { Scope } from "../shared/api-key.ts";
import { AppError } from "../shared/error.ts";
import { wantsKeys } from "../shared/wants-keys.ts";
import { configuredKeys } from "./auth/configured-keys.ts";
import { storedKeys } from "./auth/stored-keys.ts";
import type { accessTokens as AccessTokens } from "./auth/tokens.ts";
import type { ApiDeps, ApiEnv, Caller } from "./deps.ts";

/** Who everybody is where nobody is asked: the person at this machine. */
export const nobody: Caller = { tenant: "local", name: "local", scopes: Scope.options };

const metadataPath = "/.well-known/oauth-protected-resource";
const publicPaths: readonly string[] = ["/health", metadataPath, `${metadataPath}/mcp`];

type Way = (given: string) => Promise<Caller | undefined>;

/**
 * Who asks: a key by `Authorization: Bearer` (RFC 6750, 2.1) or `X-API-Key`, or a token by the first; never by the address,
 * which ends up in logs.
 * @throws AppError `unauthorized`; `store_unavailable` where a key cannot be looked up; HttpError 503 where a token cannot be checked.
 */
export function authenticate(deps: ApiDeps): MiddlewareHandler<ApiEnv> {
  const { apiKeys, requireKeys = false, oauth } = deps.settings;
  const isAsked = wantsKeys({ apiKeys, requireKeys, oauthIssuers: oauth?.issuers ?? [] });
  const keys: readonly Way[] = [configuredKeys(apiKeys), storedKeys(deps)];
  const { fetch } = deps;
  const tokens: readonly Way[] = oauth && fetch ? [tokensWhenAsked({ clock: deps.clock, fetch, oauth })] : [];
  const metadata = oauth && metadataOf(new URL(oauth.resource));
  return async (c, next) => {
    if (metadata) c.set("resourceMetadata", metadata);
    if (!isAsked) c.set("caller", nobody);
    else if (!publicPaths.includes(c.req.path)) {
      const bearer = /^bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
      const header = c.req.header("x-api-key")?.trim() ?? "";
      const caller = (await recognise(header, keys)) ?? (await recognise(bearer, [...keys, ...tokens]));
      if (!caller)
        throw new AppError(
          "unauthorized",
          bearer || header ? "This API key is not valid." : "This server wants an API key, and none was sent.",
        );
      c.set("caller", caller);
    }
    await next();
  };
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

async function recognise(given: string, ways: readonly Way[]): Promise<Caller | undefined> {
  for (const way of given === "" ? [] : ways) {
    const caller = await way(given);
    if (caller) return caller;
  }
  return undefined;
}
