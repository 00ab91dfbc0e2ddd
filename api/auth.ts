import type { MiddlewareHandler } from "hono";
import { Scope } from "../shared/api-key.ts";
import { AppError } from "../shared/error.ts";
import { wantsKeys } from "../shared/wants-keys.ts";
import { configuredKeys } from "./auth/configured-keys.ts";
import { storedKeys } from "./auth/stored-keys.ts";
import type { ApiDeps, ApiEnv, Caller } from "./deps.ts";

/** Who everybody is where nobody is asked: the person at this machine. */
export const nobody: Caller = { tenant: "local", name: "local", scopes: Scope.options };

const publicPaths: readonly string[] = ["/health"];

/**
 * Who asks: by `Authorization: Bearer` (RFC 6750, 2.1) or `X-API-Key`, never by the address, which ends up in logs.
 * @throws AppError `unauthorized`; `store_unavailable` where a key cannot be looked up.
 */
export function authenticate(deps: ApiDeps): MiddlewareHandler<ApiEnv> {
  const { settings } = deps;
  const ways = [configuredKeys(settings.apiKeys), storedKeys(deps)];
  return async (c, next) => {
    if (!wantsKeys(settings)) c.set("caller", nobody);
    else if (!publicPaths.includes(c.req.path)) {
      const given = [bearer(c.req.header("authorization")), c.req.header("x-api-key")?.trim() ?? ""];
      c.set("caller", await recognise(given.filter(Boolean), ways));
    }
    await next();
  };
}

const bearer = (header: string | undefined): string => /^bearer +(\S+) *$/i.exec(header ?? "")?.[1] ?? "";

type Way = (given: string) => Promise<Caller | undefined>;

async function recognise(given: readonly string[], ways: readonly Way[]): Promise<Caller> {
  for (const key of given)
    for (const way of ways) {
      const caller = await way(key);
      if (caller) return caller;
    }
  throw new AppError(
    "unauthorized",
    given.length > 0 ? "This API key is not valid." : "This server wants an API key, and none was sent.",
  );
}
