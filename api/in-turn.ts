import type { Context, MiddlewareHandler } from "hono";
import type { ApiEnv } from "./deps.ts";

/** What is still to be done once there is an answer. */
export type After = () => Promise<void> | undefined;
type Done = After | undefined;
/** A part of what comes before each route; what it throws is the answer. */
export type Step = (c: Context<ApiEnv>) => Promise<Done> | Done;

/**
 * Several steps as one middleware, which waits only where there is something to wait for: each middleware of its own costs
 * every request two promises and two closures. What is to be done afterwards is done in reverse order; an error of a route
 * is an answer by then.
 */
export function inTurn(...steps: readonly Step[]): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const afters: After[] = [];
    for (const step of steps) {
      const going = step(c);
      const after = going instanceof Promise ? await going : going;
      if (after) afters.push(after);
    }
    await next();
    for (const after of afters.reverse()) {
      const going = after();
      if (going) await going;
    }
  };
}
