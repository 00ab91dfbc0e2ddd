import type { Context } from "hono";
import { AppError } from "../shared/error.ts";
import { isLoopbackHost } from "../shared/repo-rules.ts";
import type { ApiEnv } from "./asked.ts";
import type { ApiDeps } from "./deps.ts";
import { field } from "./field.ts";
import type { Step } from "./in-turn.ts";

/**
 * Keeps other people's web pages out: a loopback server that runs code must not be reachable through
 * somebody's browser, neither across origins nor by a name that was made to point here.
 */
export function gate({ settings: { loopbackOnly, corsOrigins } }: ApiDeps): Step {
  const before: Step["before"] = (c) => {
    if (loopbackOnly && !hostsOf(c).every((name) => isLoopbackHost(withoutPort(name))))
      throw new AppError("forbidden", "Without API keys only requests to 127.0.0.1, [::1] or localhost are served.", {
        remedy: "Use one of these names, or set AGENTICORE_API_KEYS to serve others.",
      });
    const origin = field(c, "origin");
    if (origin !== undefined && !isOurs(origin, hostsOf(c)[0], corsOrigins))
      throw new AppError("forbidden", "Requests from pages of another origin are not served.", {
        remedy: "Name the origin in AGENTICORE_CORS_ORIGINS if it is to be trusted.",
      });
  };
  return { before };
}

/** As the client names us, and as the address of the request does. */
function hostsOf(c: Context<ApiEnv>): readonly [string, string] {
  const { host } = new URL(c.req.url);
  return [c.req.header("host") ?? host, host];
}

const withoutPort = (host: string): string => host.replace(/:\d*$/, "");

/** The scheme is left out: behind a proxy that ends TLS ours is http and the page's https. */
const isOurs = (origin: string, host: string, others: readonly string[]): boolean =>
  others.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host.toLowerCase());
