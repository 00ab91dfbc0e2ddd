import type { Context } from "hono";
import type { ApiEnv } from "./deps.ts";

/**
 * A field of the request by its name in lower case; of several their values, joined by ", " (RFC 9110, 5.3). On Node from the
 * map that its server has made: a `Headers` checks the name anew each time. For those that Node joins
 * (nodejs.org/api/http.html#messageheaders); of others it keeps the first alone.
 */
export function field(c: Context<ApiEnv>, name: string): string | undefined {
  const known = c.env?.incoming?.headers;
  if (!known) return c.req.header(name);
  const value = known[name];
  return typeof value === "string" ? value : value?.join(", ");
}
