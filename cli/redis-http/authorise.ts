import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { isLoopbackHost } from "../../shared/repo-rules.ts";
import type { BridgeDeps, BridgeEnv } from "./deps.ts";
import { Refusal } from "./refusal.ts";

/**
 * The bearer's token (RFC 6750, 2.1), never from the address. Digests are compared, all of them and each to its end:
 * the time says nothing about a secret. Web pages are kept out: no page has business here, and without tokens one
 * could otherwise reach Redis through the browser of somebody at this machine.
 */
export function authorise({ tokens, access }: BridgeDeps): MiddlewareHandler<BridgeEnv> {
  const known = tokens.map((token) => ({ token, digest: sha256(token.reveal()) }));
  return async (c, next) => {
    if (c.req.header("origin") !== undefined) throw new Refusal(403, "ERR requests from web pages are not served");
    if (tokens.length === 0) checkHost(c.req.header("host") ?? new URL(c.req.url).host);
    else {
      const header = c.req.header("authorization");
      const digest = sha256(/^bearer +(\S+) *$/i.exec(header ?? "")?.[1] ?? "");
      const [found] = known.filter((candidate) => timingSafeEqual(candidate.digest, digest));
      if (!found)
        throw new Refusal(401, header ? "Unauthorized" : "Unauthorized: send the token as Authorization: Bearer …", {
          "www-authenticate": "Bearer",
        });
      c.set("token", found.token);
    }
    c.set("redis", access(c.get("token")));
    await next();
  };
}

/** A name that was made to point here is not ours. */
function checkHost(host: string): void {
  if (!isLoopbackHost(host.replace(/:\d*$/, "")))
    throw new Refusal(403, "ERR without tokens only requests to 127.0.0.1, [::1] or localhost are served");
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();
