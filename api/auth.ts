import type { Context } from "hono";
import { Scope } from "../shared/api-key.ts";
import { AppError } from "../shared/error.ts";
import { toProblem } from "../shared/problem.ts";
import { wantsKeys } from "../shared/wants-keys.ts";
import { clientAddress } from "./auth/client-address.ts";
import { configuredKeys } from "./auth/configured-keys.ts";
import { failedAttempts } from "./auth/failed-attempts.ts";
import { storedKeys } from "./auth/stored-keys.ts";
import type { accessTokens as AccessTokens } from "./auth/tokens.ts";
import type { ApiDeps, ApiEnv, Caller } from "./deps.ts";
import { field } from "./field.ts";
import type { Step } from "./in-turn.ts";

/** Who everybody is where nobody is asked: the person at this machine. */
export const nobody: Caller = { tenant: "local", name: "local", scopes: Scope.options };

const metadataPath = "/.well-known/oauth-protected-resource";
const publicPaths: readonly string[] = ["/health", metadataPath, `${metadataPath}/mcp`];

type Way = (given: string) => Promise<Caller | undefined> | Caller | undefined;
/** What came with a request, and what it may be. */
type Given = Readonly<{ text: string; ways: readonly Way[] }>;

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

  const ways = { header: keys, bearer: [...keys, ...tokens] };
  const admit = (c: Context<ApiEnv>, given: Given, caller: Caller): undefined => {
    attempts.succeeded(given.text);
    c.set("isStillGood", () => isStillGood(given));
    c.set("caller", caller);
  };
  const identify = (c: Context<ApiEnv>): Promise<undefined> | undefined => {
    const all = givenBy(c, ways);
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
    all: readonly Given[],
    address: () => string | undefined,
  ): Promise<undefined> => {
    for (const given of all) {
      attempts.check(address, given.text);
      const caller = await recognise(given).catch((error: unknown) => {
        if (isRefusal(error)) attempts.failed(address);
        throw error;
      });
      if (caller) return admit(c, given, caller);
    }
    attempts.failed(address);
    throw new AppError("unauthorized", "This API key is not valid.");
  };
  return (c) => {
    if (metadata) c.set("resourceMetadata", metadata);
    if (!isAsked) c.set("caller", nobody);
    else if (!publicPaths.includes(c.req.path)) return identify(c);
    return undefined;
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

type Ways = Readonly<{ header: readonly Way[]; bearer: readonly Way[] }>;

function givenBy(c: Context<ApiEnv>, ways: Ways): readonly Given[] {
  const header = field(c, "x-api-key")?.trim() ?? "";
  const bearer = /^bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
  const given: Given[] = [];
  if (header !== "") given.push({ text: header, ways: ways.header });
  if (bearer !== "") given.push({ text: bearer, ways: ways.bearer });
  return given;
}

async function recognise({ text, ways }: Given): Promise<Caller | undefined> {
  for (const way of ways) {
    const caller = await way(text);
    if (caller) return caller;
  }
  return undefined;
}

/** What cannot be found out now is not refused. */
const isStillGood = (given: Given): Promise<boolean> =>
  recognise(given).then(
    (caller) => caller !== undefined,
    (error: unknown) => !isRefusal(error),
  );

/** An issuer that cannot be asked refuses nobody, though its code is the same. */
const isRefusal = (error: unknown): boolean => error instanceof AppError && toProblem(error).status === 401;
