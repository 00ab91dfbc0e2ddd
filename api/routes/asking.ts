import type { Context } from "hono";
import type { ApiEnv } from "../deps.ts";
import type { Asking } from "../jobs.ts";

/** Who asks, from the request: the middleware has found out. The signal is made by whoever asks for it: few do. */
export const asking = (c: Context<ApiEnv>): Asking => ({
  caller: c.get("caller"),
  requestId: c.get("requestId"),
  get signal() {
    return c.req.raw.signal;
  },
});
