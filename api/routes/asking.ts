import type { Context } from "hono";
import type { ApiEnv } from "../asked.ts";
import type { Asking } from "../jobs.ts";

/** Who asks, from the request: the middleware has found out. */
export const asking = (c: Context<ApiEnv>): Asking => ({
  caller: c.get("asked").caller,
  requestId: c.get("asked").requestId,
});

/** The same for what may take a while: with the signal, which is made for whoever looks at it. */
export const askingMeanwhile = (c: Context<ApiEnv>): Asking => ({ ...asking(c), signal: c.req.raw.signal });
