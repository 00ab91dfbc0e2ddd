import type { Context } from "hono";
import type { ApiEnv } from "./asked.ts";

/**
 * A field of the request by its name in lower case; of several their values, joined by ", " (RFC 9110, 5.3). On Node from the
 * map that its server has made, which joins them too (`joinDuplicateHeaders`): a `Headers` looks at all fields each time.
 */
export function field(c: Context<ApiEnv>, name: string): string | undefined {
  const known = c.env?.incoming?.headers;
  if (!known) return c.req.header(name);
  const value = known[name];
  return typeof value === "string" ? value : value?.join(", ");
}
