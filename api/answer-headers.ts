import type { Context, MiddlewareHandler, TypedResponse } from "hono";
import { NONCE, secureHeaders } from "hono/secure-headers";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ApiEnv, Asked } from "./asked.ts";
import type { ApiDeps } from "./deps.ts";
import { field } from "./field.ts";
import type { Step } from "./in-turn.ts";

const policy = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};

/**
 * What a browser is told of every answer: it is not kept, not guessed at, not framed, and may nothing. Those that are for
 * what a browser shows are left to the pages: each costs every answer something
 * (cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html, "Security headers").
 */
const fixed = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/** The same of where people look, the only answers that a browser shows: with leave for their style. */
export const pageHeaders = (): MiddlewareHandler<ApiEnv> =>
  secureHeaders({
    contentSecurityPolicy: { ...policy, styleSrc: [NONCE] },
    xFrameOptions: "DENY",
    // Whether TLS is in front of us is not ours to say.
    strictTransportSecurity: false,
  });

/** Names each request, and tells of every answer what it has not been told of yet. */
export function answerHeaders({ newId, answered }: Pick<ApiDeps, "newId" | "answered">): Step {
  return {
    before: (c) => {
      const given = field(c, "x-request-id");
      c.set("asked", new Asked(given !== undefined && isRequestId(given) ? given : newId()));
    },
    after: (c) => {
      if (!isWhole(c)) {
        const { headers } = c.res;
        headers.set("x-request-id", c.get("asked").requestId);
        for (const [name, value] of Object.entries(fixed)) if (!headers.has(name)) headers.set(name, value);
      }
      // Many streams wait, and are no load.
      if (answered && (isWhole(c) || !isStream(c.res))) answered();
    },
  };
}

/** As of `hono/request-id`. */
const isRequestId = (given: string): boolean => /^[\w\-=]{1,255}$/.test(given);

export const isStream = ({ headers }: Response): boolean =>
  headers.get("content-type")?.startsWith("text/event-stream") ?? false;

/** It was made by `answerJson`: there is nothing to look for in its headers, which are made an object by the first who asks for them. */
export const isWhole = (c: Context<ApiEnv>): boolean => c.res === c.get("asked").whole;

/** As `c.json`, with all headers of the answer at once. */
export function answerJson<T extends object, S extends ContentfulStatusCode>(
  c: Context<ApiEnv>,
  body: T,
  { status, headers = {} }: Readonly<{ status: S; headers?: Readonly<Record<string, string>> }>,
): Response & TypedResponse<T, S, "json"> {
  const asked = c.get("asked");
  const whole = new Response(JSON.stringify(body), {
    status,
    headers: { ...fixed, "content-type": "application/json", "x-request-id": asked.requestId, ...headers },
  });
  asked.whole = whole;
  return whole as Response & TypedResponse<T, S, "json">;
}
