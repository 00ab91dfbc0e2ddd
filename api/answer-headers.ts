import type { MiddlewareHandler } from "hono";
import { NONCE, secureHeaders } from "hono/secure-headers";
import type { ApiEnv } from "./deps.ts";

/** Where people look: the only answers that a browser shows. */
const pages: readonly string[] = ["/", "/docs"];

const policy = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};
const rest = {
  xFrameOptions: "DENY",
  // Whether TLS is in front of us is not ours to say.
  strictTransportSecurity: false,
} as const;

/** What a browser is told of every answer: our own pages may have their style, and nothing else may anything. */
export function answerHeaders(): MiddlewareHandler<ApiEnv> {
  const ofPages = secureHeaders({ ...rest, contentSecurityPolicy: { ...policy, styleSrc: [NONCE] } });
  const ofOthers = secureHeaders({ ...rest, contentSecurityPolicy: policy });
  return (c, next) => (pages.includes(c.req.path) ? ofPages(c, next) : ofOthers(c, next));
}
