import type { MiddlewareHandler } from "hono";
import { AppError } from "../shared/error.ts";
import type { ApiDeps, ApiEnv, Caller } from "./deps.ts";
import { sha256 } from "./digest.ts";

/** Whoever needs no key. */
export const nobody: Caller = { tenant: "local", name: "local" };

/**
 * API keys, by `Authorization: Bearer` (RFC 6750) or `X-API-Key`. The tenant is derived from the key's digest,
 * so that a key keeps its jobs over restarts and none is written down.
 */
export function authenticate({ settings }: ApiDeps): MiddlewareHandler<ApiEnv> {
  const known = Promise.all(settings.apiKeys.map((key) => sha256(key.reveal())));
  return async (c, next) => {
    c.set("caller", nobody);
    if (settings.apiKeys.length > 0 && c.req.path !== "/health") {
      const keys = [bearer(c.req.header("authorization")), c.req.header("x-api-key")?.trim()];
      const caller = await recognise(keys, await known);
      if (!caller)
        throw new AppError(
          "unauthorized",
          keys.some(Boolean) ? "This API key is not valid." : "This server wants an API key, and none was sent.",
        );
      c.set("caller", caller);
    }
    await next();
  };
}

const bearer = (header: string | undefined): string | undefined => /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];

/** Digests are compared, all of them and each to its end: the time says nothing about a key. */
async function recognise(
  given: readonly (string | undefined)[],
  known: readonly string[],
): Promise<Caller | undefined> {
  let found: Caller | undefined;
  for (const key of given) {
    if (!key) continue;
    const digest = await sha256(key);
    for (const candidate of known) {
      if (sameText(digest, candidate))
        found ??= { tenant: `key-${digest.slice(0, 16)}`, name: `key ${digest.slice(0, 8)}` };
    }
  }
  return found;
}

function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}
