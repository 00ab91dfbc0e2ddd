import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import type { ApiEnv } from "./deps.ts";

/** What is still to be done once there is an answer. */
export type After = () => Promise<void> | undefined;
type Done = After | undefined;
/** A part of what comes before each route; what it throws is the answer. */
export type Step = (c: Context<ApiEnv>) => Promise<Done> | Done;

/**
 * Several steps as one middleware, which waits only where there is something to wait for: each middleware of its own costs
 * every request two promises and two closures. What is to be done afterwards is done in reverse order, also where a later
 * step throws; that is an answer by then, as an error of a route is.
 */
export function inTurn(steps: readonly Step[], answerError: ErrorHandler<ApiEnv>): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const afters: After[] = [];
    try {
      for (const step of steps) {
        const going = step(c);
        const after = going instanceof Promise ? await going : going;
        if (after) afters.push(after);
      }
      await next();
    } catch (error) {
      c.res = await answerError(error as Error, c);
    }
    for (const after of afters.reverse()) {
      const going = after();
      if (going) await going;
    }
  };
}
